/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP for scrapers: GET and HEAD of /metrics and /-/healthy, everything else is an error. One
 * thread, no keep-alive; connections are bounded in number (in all, and of one address), in memory
 * and in time: who has not asked HTTP_HEAD_MS after it came, or not had its answer HTTP_VISIT_MS
 * after it asked, is shown the door. Of those who have not asked only HTTP_MUTE are kept, and
 * another one makes the oldest of them leave: they cannot take all places, of whatever address.
 */
#ifndef IKEMESH_EXPORTER_HTTP_H
#define IKEMESH_EXPORTER_HTTP_H

#include "cmd/ikemesh-exporter/source.h"
#include "ike/ip.h"

#define HTTP_CONNECTIONS 32
#define HTTP_OF_ONE_ADDRESS 24
#define HTTP_MUTE 16
#define HTTP_HEAD_MS 3000
#define HTTP_VISIT_MS 15000

struct http;

/* source is borrowed. 0 or negative errno. */
int http_open(const struct endpoint *listen, struct source *source, struct http **out);
void http_close(struct http *h); /* NULL is fine */

int http_fd(const struct http *h); /* -1: it rests, as poll(2) understands it */
/* Until when to wait at most for http_fd() to be readable before http_turn(); -1: for ever. */
int http_timeout_ms(const struct http *h, int64_t now_ms);
void http_turn(struct http *h, int64_t now_ms);

#endif
