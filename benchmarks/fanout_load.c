/* The load of benchmarks/auction_fanout.py: many Socket.IO 5 clients in one process, so that it is not the bottleneck.
 *
 * usage: fanout_load PORT ORIGIN COOKIES ROOMS PER_ROOM SENDERS MODE RATE SECONDS
 *   COOKIES  file with one cookie value a line (line i for client i, again from the start), or "-"
 *   SENDERS  how many clients of each room make offers, in turn
 *   MODE     open: RATE offers a second to every room, latencies from when an offer was due
 *            window: RATE offers in flight in every room, the next one when the last one is acknowledged
 * Channel names come from standard input, one a line, then it joins them all and prints "joined SECONDS"; after a line
 * "go" it runs, prints one line of JSON, and ends when standard input closes.
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

enum { CLIENTS = 12000, BUFFER = 1 << 16, OFFERS = 1 << 22, AT_ONCE = 256 };
typedef struct { int fd, room, state, left; char *rest; } Client; /* state: 0 none 1 request 2 open 3 connect 4 join 5 in */
typedef struct { double due, acked, last; int seen, room; } Offer;
static Client clients[CLIENTS];
static Offer *offers;
static char (*names)[96], (*cookies)[512];
static long offer_count, acks, refusals, delivered, lost, news_seen;
static int count, joined, poll_fd, per_room, senders, room_count, cookie_count, running, port;
static int *next_sender;
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
    client->room = at / per_room, client->state = 1;
    int one = 1;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&to, sizeof to)) fail("connect", strerror(errno));
    char out[2048];
    snprintf(out, sizeof out,
             "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\nOrigin: %s\r\n%s%s%s\r\n",
             port, origin, cookie_count ? "Cookie: sunroad=" : "", cookie_count ? cookies[at % cookie_count] : "", cookie_count ? "\r\n" : "");
    if (send(client->fd, out, strlen(out), MSG_NOSIGNAL) != (ssize_t)strlen(out)) fail("send", strerror(errno));
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)at};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, client->fd, &event);
}

static void offer(int room, double due) {
    if (offer_count == OFFERS) return;
    char text[512];
    int at = room * per_room + next_sender[room];
    next_sender[room] = (next_sender[room] + 1) % senders;
    offers[offer_count] = (Offer){.due = due, .room = room};
    snprintf(text, sizeof text, "42/live,%ld[\"do\",{\"channel\":\"%s\",\"command\":\"offer\",\"message\":{\"n\":%ld}}]", offer_count + 10, names[room], offer_count);
    offer_count++;
    say(&clients[at], text);
}

static int window_mode;
static double until;

static void heard(Client *client, char *text, int size) {
    char room[160];
    if (size > 0 && text[0] == '2') { say(client, "3"); return; }
    if (text[0] == '0') { say(client, "40/live,"); client->state = 3; return; }
    if (size > 8 && !memcmp(text, "40/live,", 8)) {
        snprintf(room, sizeof room, "42/live,1[\"join\",{\"channel\":\"%s\"}]", names[client->room]);
        say(client, room);
        client->state = 4;
        return;
    }
    if (size > 8 && !memcmp(text, "43/live,", 8)) {
        long number = strtol(text + 8, NULL, 10);
        int good = memmem(text, (size_t)size, "\"ok\":true", 9) != NULL;
        if (client->state == 4) {
            if (!good) fail("join refused", text);
            client->state = 5, joined++;
            return;
        }
        number -= 10;
        if (number < 0 || number >= offer_count) return;
        if (good) acks++;
        else if (!refusals++) fprintf(stderr, "refused: %.200s\n", text);
        offers[number].acked = now();
        if (window_mode && running && now() < until) offer(offers[number].room, now());
        return;
    }
    if (size > 15 && !memcmp(text, "42/live,[\"news\"", 15)) {
        char *found = memmem(text, (size_t)size, "\"n\":", 4);
        news_seen++;
        if (!found) return;
        long number = strtol(found + 4, NULL, 10);
        if (number < 0 || number >= offer_count) return;
        delivered++;
        if (++offers[number].seen == per_room) offers[number].last = now();
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
    int length = (unsigned char)data[1], head = 2;
    if (length == 126) { if (size < 4) return 0; length = (unsigned char)data[2] << 8 | (unsigned char)data[3], head = 4; }
    if (length == 127) fail("frame", "too long");
    if (size < head + length) return 0;
    if ((data[0] & 15) == 8) fail("closed by the server", "");
    char keep = data[head + length];
    data[head + length] = 0;
    heard(client, data + head, length);
    data[head + length] = keep;
    return head + length;
}

static void pump(int wait) {
    static char data[BUFFER * 2 + 1];
    struct epoll_event events[512];
    int ready = epoll_wait(poll_fd, events, 512, wait);
    for (int i = 0; i < ready; i++) {
        Client *client = &clients[events[i].data.u32];
        int size = client->left, at = 0, taken;
        if (size) memcpy(data, client->rest, (size_t)size);
        ssize_t got = recv(client->fd, data + size, (size_t)BUFFER, MSG_DONTWAIT);
        if (got < 0 && errno == EAGAIN) continue;
        if (got <= 0) { lost++; epoll_ctl(poll_fd, EPOLL_CTL_DEL, client->fd, NULL); close(client->fd); continue; }
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
    port = atoi(argv[1]), origin = argv[2], room_count = atoi(argv[4]), per_room = atoi(argv[5]), senders = atoi(argv[6]);
    window_mode = !strcmp(argv[7], "window");
    double rate = atof(argv[8]), seconds = atof(argv[9]);
    count = room_count * per_room;
    if (count > CLIENTS) fail("too many clients", argv[4]);
    char line[512];
    names = calloc((size_t)room_count, sizeof *names);
    next_sender = calloc((size_t)room_count, sizeof *next_sender);
    offers = calloc(OFFERS, sizeof *offers);
    for (int i = 0; i < room_count; i++)
        if (!fgets(line, sizeof line, stdin)) fail("names", "too few"); else sscanf(line, "%95s", names[i]);
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
        if (lost) fail("lost while joining", "");
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
    long in_time = acks, delivered_in_time = delivered;
    double grace = now() + 5;
    while (now() < grace && (acks + refusals < offer_count || delivered < offer_count * per_room) && lost < count) pump(20);
    printf("{\"offers\":%ld,\"acks_in_time\":%ld,\"delivered_in_time\":%ld,\"refused\":%ld,\"delivered\":%ld,\"news\":%ld,\"lost\":%ld,\"seconds\":%.3f",
           offer_count, in_time, delivered_in_time, refusals, delivered, news_seen, lost, seconds);
    spread("ack", 1);
    spread("last", 0);
    printf("}\n");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {}
    return 0;
}
