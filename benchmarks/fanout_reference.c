/* The native reference of benchmarks/auction_fanout.py: epoll, one send() per client, just enough Socket.IO 5.
 *
 * usage: fanout_reference PORT
 * Takes websockets on /socket.io/, answers 40, "join" and "do", and sends news to all of the joined room. No storage, no
 * sign-in, no limits: what a fan-out costs when nothing else is done. A socket that is full loses the message (counted).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FDS = 20000, ROOMS = 4096, BUFFER = 4096 };
typedef struct { char open, *rest; int left, room, place; } Client;
typedef struct { char name[96]; int *fds, count, room; long version; } Room;
static Client clients[FDS];
static Room rooms[ROOMS];
static int room_count;
static long dropped;

static void sha1(const unsigned char *data, size_t size, unsigned char out[20]) {
    uint32_t h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    unsigned char text[256] = {0};
    size_t total = ((size + 8) / 64 + 1) * 64;
    memcpy(text, data, size);
    text[size] = 0x80;
    for (int i = 0; i < 8; i++) text[total - 1 - i] = (unsigned char)((uint64_t)size * 8 >> (8 * i));
    for (size_t at = 0; at < total; at += 64) {
        uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
        for (int i = 0; i < 16; i++)
            w[i] = (uint32_t)text[at + 4 * i] << 24 | text[at + 4 * i + 1] << 16 | text[at + 4 * i + 2] << 8 | text[at + 4 * i + 3];
        for (int i = 16; i < 80; i++) { uint32_t x = w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16]; w[i] = x << 1 | x >> 31; }
        for (int i = 0; i < 80; i++) {
            uint32_t f, k;
            if (i < 20) f = (b & c) | (~b & d), k = 0x5A827999;
            else if (i < 40) f = b ^ c ^ d, k = 0x6ED9EBA1;
            else if (i < 60) f = (b & c) | (b & d) | (c & d), k = 0x8F1BBCDC;
            else f = b ^ c ^ d, k = 0xCA62C1D6;
            uint32_t t = (a << 5 | a >> 27) + f + e + k + w[i];
            e = d, d = c, c = b << 30 | b >> 2, b = a, a = t;
        }
        h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
    }
    for (int i = 0; i < 20; i++) out[i] = (unsigned char)(h[i / 4] >> (24 - 8 * (i % 4)));
}

static void base64(const unsigned char *in, int size, char *out) {
    static const char *set = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int i = 0; i < size; i += 3) {
        uint32_t v = in[i] << 16 | (i + 1 < size ? in[i + 1] << 8 : 0) | (i + 2 < size ? in[i + 2] : 0);
        *out++ = set[v >> 18], *out++ = set[v >> 12 & 63];
        *out++ = i + 1 < size ? set[v >> 6 & 63] : '=', *out++ = i + 2 < size ? set[v & 63] : '=';
    }
    *out = 0;
}

static int frame(char *out, const char *text) {
    int size = (int)strlen(text), head = size < 126 ? 2 : 4;
    out[0] = (char)0x81;
    if (head == 2) out[1] = (char)size;
    else out[1] = 126, out[2] = (char)(size >> 8), out[3] = (char)size;
    memcpy(out + head, text, (size_t)size);
    return head + size;
}

static void put(int fd, const char *data, int size) {
    if (send(fd, data, (size_t)size, MSG_NOSIGNAL) != size) dropped++;
}

static void say(int fd, const char *text) {
    char out[1024];
    put(fd, out, frame(out, text));
}

static void gone(int fd) {
    Client *client = &clients[fd];
    if (client->room >= 0) {
        Room *room = &rooms[client->room];
        int last = room->fds[--room->count];
        room->fds[client->place] = last;
        clients[last].place = client->place;
    }
    free(client->rest);
    memset(client, 0, sizeof *client);
    close(fd);
}

static int room_of(const char *name, int size) {
    for (int i = 0; i < room_count; i++)
        if ((int)strlen(rooms[i].name) == size && !memcmp(rooms[i].name, name, (size_t)size)) return i;
    if (room_count == ROOMS || size >= (int)sizeof rooms[0].name) return -1;
    memcpy(rooms[room_count].name, name, (size_t)size);
    return room_count++;
}

static void message(int fd, char *text, int size) {
    Client *client = &clients[fd];
    char out[768], framed[1024], entry[128];
    text[size] = 0;
    if (!strcmp(text, "40/live,")) { say(fd, "40/live,{\"sid\":\"reference\"}"); return; }
    if (strncmp(text, "42/live,", 8)) return;
    long number = strtol(text + 8, NULL, 10);
    char *name = strstr(text, "\"channel\":\""), *end;
    if (!name || !(end = strchr(name += 11, '"'))) return;
    if (strstr(text, "[\"join\"")) {
        int at = room_of(name, (int)(end - name));
        if (at < 0) return;
        Room *room = &rooms[at];
        if (room->count == room->room) room->fds = realloc(room->fds, sizeof(int) * (size_t)(room->room = room->room * 2 + 16));
        client->room = at, client->place = room->count, room->fds[room->count++] = fd;
        snprintf(out, sizeof out, "43/live,%ld[{\"ok\":true,\"channel\":\"%s\",\"state\":{\"version\":%ld,\"next\":\"1000.00\"}}]", number, room->name, room->version);
        say(fd, out);
        return;
    }
    char *amount = strstr(text, "\"amount\":\"");
    if (client->room < 0 || !amount) return;
    Room *room = &rooms[client->room];
    long price = strtol(amount + 10, NULL, 10);
    snprintf(out, sizeof out, "43/live,%ld[{\"ok\":true,\"version\":%ld}]", number, ++room->version);
    say(fd, out);
    snprintf(entry, sizeof entry, "{\"amount\":\"%ld.00\",\"at\":\"2026-11-22T01:00:00.000000Z\",\"plate\":\"101\",\"kind\":\"offer\"}", price);
    snprintf(out, sizeof out, "42/live,[\"news\",{\"channel\":\"%s\",\"version\":%ld,\"news\":{\"best\":%s,\"next\":\"%ld.00\",\"list\":[%s]},\"at\":\"2026-11-22T01:00:00.000Z\"}]",
             room->name, room->version, entry, price + 1, entry);
    int length = frame(framed, out);
    for (int i = 0; i < room->count; i++) put(room->fds[i], framed, length);
}

static int greet(int fd, char *data, int size) {
    char *end = memmem(data, (size_t)size, "\r\n\r\n", 4), *key = memmem(data, (size_t)size, "Sec-WebSocket-Key: ", 19);
    if (!end) return 0;
    if (!key) return -1;
    char text[128], accept[32], out[256];
    unsigned char digest[20];
    snprintf(text, sizeof text, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key + 19);
    sha1((unsigned char *)text, strlen(text), digest);
    base64(digest, 20, accept);
    snprintf(out, sizeof out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept);
    put(fd, out, (int)strlen(out));
    say(fd, "0{\"sid\":\"reference\",\"upgrades\":[],\"pingInterval\":600000,\"pingTimeout\":60000,\"maxPayload\":65536}");
    clients[fd].open = 1;
    return (int)(end + 4 - data);
}

static int one(int fd, char *data, int size) {
    if (!clients[fd].open) return greet(fd, data, size);
    if (size < 6) return 0;
    int length = data[1] & 127, head = 6, kind = data[0] & 15;
    if (length == 126) { if (size < 8) return 0; length = (unsigned char)data[2] << 8 | (unsigned char)data[3], head = 8; }
    if (length > BUFFER - 16 || kind == 8) return -1;
    if (size < head + length) return 0;
    char *mask = data + head - 4, keep = data[head + length];
    for (int i = 0; i < length; i++) data[head + i] ^= mask[i & 3];
    if (kind == 1) message(fd, data + head, length);
    data[head + length] = keep;
    return head + length;
}

static void readable(int fd) {
    Client *client = &clients[fd];
    static char data[BUFFER * 2 + 1];
    int size = client->left;
    if (size) memcpy(data, client->rest, (size_t)size);
    ssize_t got = recv(fd, data + size, (size_t)(BUFFER * 2 - size), 0);
    if (got <= 0) { if (got == 0 || errno != EAGAIN) gone(fd); return; }
    size += (int)got;
    int at = 0, step = 0;
    while (at < size && (step = one(fd, data + at, size - at)) > 0) at += step;
    if (step < 0 || size - at > BUFFER) { gone(fd); return; }
    client->left = size - at;
    if (client->left) { client->rest = realloc(client->rest, BUFFER); memcpy(client->rest, data + at, (size_t)client->left); }
}

static void told(int number) { (void)number; fprintf(stderr, "dropped %ld\n", dropped); _exit(0); }

int main(int argc, char **argv) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    signal(SIGTERM, told);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one_ = 1, poll = epoll_create1(0), room = 1 << 20;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argc > 1 ? argv[1] : "0")), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one_, sizeof one_);
    setsockopt(listener, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one_, sizeof one_);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 4096)) { perror("listen"); return 1; }
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[512];
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(poll, events, 512, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd != listener) { readable(events[i].data.fd); continue; }
            for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
                if (fd >= FDS) { close(fd); continue; }
                memset(&clients[fd], 0, sizeof clients[fd]);
                clients[fd].room = -1;
                event = (struct epoll_event){.events = EPOLLIN, .data.fd = fd};
                epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
            }
        }
    }
}
