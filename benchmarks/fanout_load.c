/* The load of benchmarks/auction_fanout.py: many Socket.IO 5 clients in one process, so that it is not the bottleneck.
 *
 * usage: fanout_load PORT,… ORIGIN COOKIES ROOMS PER_ROOM SENDERS MODE RATE SECONDS
 *   PORT,…   of the halls: room n connects to the n-th, again from the start, as a proxy routes by auction
 *   COOKIES  file with one cookie value a line (line i for client i, again from the start), or "-"
 *   SENDERS  how many clients of each room make offers, in turn
 *   MODE     open: RATE offers a second to every room, latencies from when an offer was due
 *            window: RATE offers in flight in every room, the next one when the last one is answered
 * A channel and a step in whole yuan (below zero where prices fall) come from standard input for every room, then it joins
 * them all and prints "joined SECONDS"; after a line "go" it runs, prints one line of JSON, and ends when standard input
 * closes. Prices begin at the "next" of the state that the join gave and go on by one step an offer, as a page would bid.
 *
 * Every client behaves like a page: it follows the numbers of news, counts a gap, joins again with what it has seen when
 * it is behind or was cut, and repeats an offer that nobody answered under its key. What a cut client gets by its join is
 * counted apart ("covered"); "missing" are offers that were acknowledged and that some client never got in either way.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS = 12000, BUFFER = 1 << 16, WHOLE = 8 << 20, OFFERS = 1 << 21, AT_ONCE = 256 };
typedef struct { /* state: 0 none 1 request 2 open 3 connect 4 join 5 in */
    int fd, room, state, left, again;
    long version, flying;
    char *rest, *got; /* got: one byte for every price of the room's ladder */
    long got_size;
} Client;
typedef struct { double due, acked, last; int seen, room, place, good; } Offer;
typedef struct { char name[96]; long step, first, *offers; int made, known, next; } Room;
static Client clients[CLIENTS];
static Offer *offers;
static Room *rooms;
static char (*cookies)[512];
static long offer_count, acks, refusals, delivered, covered, twice, cuts, gaps, behinds, news_seen, own_seen;
static int count, joined, poll_fd, per_room, senders, room_count, cookie_count, running, port_count, ports[16];
static const char *origin;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fail(const char *what, const char *more) { fprintf(stderr, "%s: %s\n", what, more); exit(1); }

static void say(Client *client, const char *text) {
    unsigned char out[1024];
    int size = (int)strlen(text), head = size < 126 ? 2 : 4;
    out[0] = 0x81;
    if (head == 2) out[1] = (unsigned char)(0x80 | size);
    else out[1] = 0x80 | 126, out[2] = (unsigned char)(size >> 8), out[3] = (unsigned char)size;
    memcpy(out + head, "\x12\x34\x56\x78", 4);
    for (int i = 0; i < size; i++) out[head + 4 + i] = (unsigned char)text[i] ^ out[head + (i & 3)];
    if (send(client->fd, out, (size_t)(head + 4 + size), MSG_NOSIGNAL) != head + 4 + size) fail("send", strerror(errno));
}

static void begin(int at) {
    Client *client = &clients[at];
    client->fd = socket(AF_INET, SOCK_STREAM, 0);
    client->room = at / per_room, client->state = 1, client->left = 0;
    int one = 1;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)ports[client->room % port_count]), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&to, sizeof to)) fail("connect", strerror(errno));
    char out[2048];
    snprintf(out, sizeof out,
             "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\nOrigin: %s\r\n%s%s%s\r\n",
             ports[client->room % port_count], origin, cookie_count ? "Cookie: sunroad=" : "", cookie_count ? cookies[at % cookie_count] : "", cookie_count ? "\r\n" : "");
    if (send(client->fd, out, strlen(out), MSG_NOSIGNAL) != (ssize_t)strlen(out)) fail("send", strerror(errno));
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)at};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, client->fd, &event);
}

static void speak(Client *client, long number) {
    char text[512];
    Room *room = &rooms[client->room];
    client->flying = number;
    snprintf(text, sizeof text, "42/live,%ld[\"do\",{\"channel\":\"%s\",\"command\":\"offer\",\"message\":{\"amount\":\"%ld.00\",\"key\":\"bench-%d-%ld\"}}]",
             number + 10, room->name, room->first + offers[number].place * room->step, (int)getpid(), number);
    say(client, text);
}

static void offer(int at, double due) {
    Room *room = &rooms[at];
    Client *client = NULL;
    for (int i = 0; i < senders && !client; i++, room->next = (room->next + 1) % senders)
        if (clients[at * per_room + room->next].state == 5) client = &clients[at * per_room + room->next];
    if (!client || offer_count == OFFERS) return;
    if (room->made % 1024 == 0) room->offers = realloc(room->offers, sizeof(long) * (size_t)(room->made + 1024));
    room->offers[room->made] = offer_count;
    offers[offer_count] = (Offer){.due = due, .room = at, .place = room->made++};
    speak(client, offer_count++);
}

static int window_mode;
static double until;

static void join(Client *client) {
    char text[256];
    if (client->again) snprintf(text, sizeof text, "42/live,1[\"join\",{\"channel\":\"%s\",\"seen\":%ld}]", rooms[client->room].name, client->version);
    else snprintf(text, sizeof text, "42/live,1[\"join\",{\"channel\":\"%s\"}]", rooms[client->room].name);
    say(client, text);
}

/* Every price in every "list" of a message, for one client; what it gets twice counts once. */
static void mark(Client *client, const char *text, int size, int late) {
    Room *room = &rooms[client->room];
    const char *end = text + size, *list = text;
    while ((list = memmem(list, (size_t)(end - list), "\"list\":[", 8))) {
        const char *stop = memchr(list, ']', (size_t)(end - list));
        if (!stop) return;
        while ((list = memmem(list, (size_t)(stop - list), "\"amount\":\"", 10))) {
            long far = strtol(list += 10, NULL, 10) - room->first, place = room->step ? far / room->step : -1;
            if (far % room->step || place < 0 || place >= room->made) continue;
            if (place >= client->got_size) {
                long wanted = place + 256;
                client->got = realloc(client->got, (size_t)wanted);
                memset(client->got + client->got_size, 0, (size_t)(wanted - client->got_size));
                client->got_size = wanted;
            }
            if (client->got[place]) { twice++; continue; }
            client->got[place] = 1;
            if (late) covered++; else delivered++;
            Offer *one = &offers[room->offers[place]];
            if (++one->seen == per_room) one->last = now();
        }
        list = stop;
    }
}

static long last_version(const char *text, int size) {
    const char *at = text, *end = text + size;
    long found = -1;
    while ((at = memmem(at, (size_t)(end - at), "\"version\":", 10))) found = strtol(at += 10, NULL, 10);
    return found;
}

static void came_in(Client *client, char *text, int size) {
    Room *room = &rooms[client->room];
    long version = last_version(text, size);
    if (version >= 0) client->version = version;
    if (!client->again && !room->known) {
        char *next = memmem(text, (size_t)size, "\"next\":\"", 8);
        if (!next) fail("no next price", text);
        for (char *more = next; (more = memmem(more + 1, (size_t)(text + size - more - 1), "\"next\":\"", 8));) next = more; /* the own one stands first */
        room->first = strtol(next + 8, NULL, 10), room->known = 1;
    }
    mark(client, text, size, 1);
    int before = client->state;
    client->state = 5;
    if (!client->again) joined++;
    else if (before == 4 && client->flying >= 0 && running) speak(client, client->flying);
    client->again = 1;
}

static void heard(Client *client, char *text, int size) {
    if (size > 0 && text[0] == '2') { say(client, "3"); return; }
    if (text[0] == '0') { say(client, "40/live,"); client->state = 3; return; }
    if (size > 8 && !memcmp(text, "40/live,", 8)) { join(client); client->state = 4; return; }
    if (size > 8 && !memcmp(text, "43/live,", 8)) {
        long number = strtol(text + 8, NULL, 10);
        int good = memmem(text, (size_t)size < 64 ? (size_t)size : 64, "\"ok\":true", 9) != NULL;
        if (number == 1) {
            if (good) came_in(client, text, size);
            else if (client->again || memmem(text, (size_t)size, "no_answer_yet", 13)) join(client);
            else fail("join refused", text);
            return;
        }
        number -= 10;
        if (number < 0 || number >= offer_count || offers[number].acked > 0) return;
        if (client->flying == number) client->flying = -1;
        if (good) acks++;
        else if (!refusals++) fprintf(stderr, "refused: %.300s\n", text);
        offers[number].acked = now(), offers[number].good = good;
        if (window_mode && running && now() < until) offer(offers[number].room, now());
        return;
    }
    if (size > 15 && !memcmp(text, "42/live,[\"news\"", 15)) {
        char *found = memmem(text, (size_t)size, "\"version\":", 10);
        long version = found ? strtol(found + 10, NULL, 10) : 0;
        news_seen++;
        if (version > client->version + 1 && client->state == 5) { gaps++; join(client); }
        else if (version > client->version) client->version = version;
        mark(client, text, size, 0);
        return;
    }
    if (size > 14 && !memcmp(text, "42/live,[\"own\"", 14)) { own_seen++; return; }
    if (size > 17 && !memcmp(text, "42/live,[\"behind\"", 17)) {
        if (last_version(text, size) > client->version) { behinds++; join(client); }
    }
}

static int step(Client *client, char *data, int size) {
    if (client->state == 1) {
        char *end = memmem(data, (size_t)size, "\r\n\r\n", 4);
        if (!end) return 0;
        if (memcmp(data, "HTTP/1.1 101", 12)) fail("refused", data);
        client->state = 2;
        return (int)(end + 4 - data);
    }
    if (size < 2) return 0;
    unsigned char *byte = (unsigned char *)data;
    int length = byte[1], head = 2;
    if (length == 126) { if (size < 4) return 0; length = byte[2] << 8 | byte[3], head = 4; }
    else if (length == 127) { if (size < 10) return 0; length = byte[6] << 24 | byte[7] << 16 | byte[8] << 8 | byte[9], head = 10; }
    if (length > WHOLE - BUFFER) fail("frame", "too long");
    if (size < head + length) return 0;
    if ((data[0] & 15) == 8) return head + length; /* it closes: the read that follows says so */
    char keep = data[head + length];
    data[head + length] = 0;
    heard(client, data + head, length);
    data[head + length] = keep;
    return head + length;
}

static void pump(int wait) {
    static char data[WHOLE + BUFFER + 1];
    struct epoll_event events[512];
    int ready = epoll_wait(poll_fd, events, 512, wait);
    for (int i = 0; i < ready; i++) {
        Client *client = &clients[events[i].data.u32];
        int size = client->left, at = 0, taken;
        if (size) memcpy(data, client->rest, (size_t)size);
        ssize_t got = recv(client->fd, data + size, (size_t)BUFFER, MSG_DONTWAIT);
        if (got < 0 && errno == EAGAIN) continue;
        if (got <= 0) {
            if (!running) fail("cut while joining", strerror(errno));
            cuts++;
            epoll_ctl(poll_fd, EPOLL_CTL_DEL, client->fd, NULL), close(client->fd);
            begin((int)events[i].data.u32);
            continue;
        }
        size += (int)got;
        while (at < size && (taken = step(client, data + at, size - at)) > 0) at += taken;
        client->left = size - at;
        if (client->left) { client->rest = realloc(client->rest, (size_t)client->left); memcpy(client->rest, data + at, (size_t)client->left); }
    }
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void spread(const char *name, int ack) {
    double *times = malloc(sizeof(double) * (size_t)(offer_count + 1));
    long found = 0;
    for (long i = 0; i < offer_count; i++) {
        double end = ack ? offers[i].acked : offers[i].last;
        if (end > 0) times[found++] = end - offers[i].due;
    }
    qsort(times, (size_t)found, sizeof *times, compare);
    printf(",\"%s\":%ld,\"%s_p50\":%.6f,\"%s_p99\":%.6f", name, found, name, found ? times[found / 2] : 0, name, found ? times[found * 99 / 100] : 0);
    free(times);
}

int main(int argc, char **argv) {
    if (argc != 10) fail("usage", "see the head of this file");
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    for (char *word = strtok(argv[1], ","); word && port_count < 16; word = strtok(NULL, ",")) ports[port_count++] = atoi(word);
    origin = argv[2], room_count = atoi(argv[4]), per_room = atoi(argv[5]), senders = atoi(argv[6]);
    window_mode = !strcmp(argv[7], "window");
    double rate = atof(argv[8]), seconds = atof(argv[9]);
    count = room_count * per_room;
    if (count > CLIENTS) fail("too many clients", argv[4]);
    char line[512];
    rooms = calloc((size_t)room_count, sizeof *rooms);
    for (int i = 0; i < count; i++) clients[i].flying = -1;
    offers = calloc(OFFERS, sizeof *offers);
    for (int i = 0; i < room_count; i++)
        if (!fgets(line, sizeof line, stdin) || sscanf(line, "%95s %ld", rooms[i].name, &rooms[i].step) != 2) fail("rooms", "too few");
    if (strcmp(argv[3], "-")) {
        FILE *file = fopen(argv[3], "r");
        if (!file) fail("cookies", strerror(errno));
        cookies = calloc(CLIENTS, sizeof *cookies);
        while (cookie_count < CLIENTS && fgets(line, sizeof line, file)) sscanf(line, "%511s", cookies[cookie_count++]);
        fclose(file);
    }
    poll_fd = epoll_create1(0);
    double started = now();
    for (int begun = 0; joined < count;) {
        while (begun < count && begun - joined < AT_ONCE) begin(begun++);
        pump(100);
        if (now() - started > 180) fail("joining", "took more than three minutes");
    }
    printf("joined %.4f\n", now() - started);
    fflush(stdout);
    for (;;) { /* answer pings until told to go */
        struct timeval none = {0, 0};
        fd_set set;
        FD_ZERO(&set);
        FD_SET(0, &set);
        if (select(1, &set, NULL, NULL, &none) > 0) break;
        pump(50);
    }
    if (!fgets(line, sizeof line, stdin)) return 0;
    running = 1;
    started = now(), until = started + seconds;
    if (window_mode) {
        for (int i = 0; i < (int)rate; i++) for (int room = 0; room < room_count; room++) offer(room, now());
        while (now() < until) pump(20);
    } else {
        long sent = 0;
        while (now() < until) {
            double due = started + (double)sent / (rate * room_count), wait = due - now();
            if (wait <= 0) offer((int)(sent++ % room_count), due);
            if (wait > 0 || sent % 8 == 0) pump(wait > 0.02 ? 20 : wait > 0 ? (int)(wait * 1000) : 0);
        }
    }
    long in_time = acks, delivered_in_time = delivered, missing = 0;
    double grace = now() + 5;
    while (now() < grace && (acks + refusals < offer_count || delivered + covered < acks * per_room)) pump(20);
    for (long i = 0; i < offer_count; i++) if (offers[i].good) missing += per_room - offers[i].seen;
    printf("{\"offers\":%ld,\"acks\":%ld,\"acks_in_time\":%ld,\"delivered_in_time\":%ld,\"refused\":%ld,\"delivered\":%ld,\"covered\":%ld,\"missing\":%ld,"
           "\"twice\":%ld,\"news\":%ld,\"own\":%ld,\"cuts\":%ld,\"gaps\":%ld,\"behind\":%ld,\"seconds\":%.3f",
           offer_count, acks, in_time, delivered_in_time, refusals, delivered, covered, missing, twice, news_seen, own_seen, cuts, gaps, behinds, seconds);
    spread("ack", 1);
    spread("last", 0);
    printf("}\n");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {}
    return 0;
}
