// SPDX-License-Identifier: GPL-2.0-only
/*
 * What http_server answers: HTTP/1.1, apart from sockets
 */
#include <linux/atomic.h>
#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "http_reply.h"

#define PERIOD	94			/* /bytes/N repeats ASCII 33 to 126 */

static char pattern[PERIOD * 128];
static atomic_t requests;

/* The body is a text, or so many bytes of the pattern. */
static void reply(struct http_reply *r, const char *status, const char *body, u64 bytes)
{
	r->close |= status[0] != '2';	/* else we might be out of step */
	r->end = scnprintf(r->text, sizeof(r->text),
			   "HTTP/1.1 %s\r\nContent-Length: %llu\r\n%s\r\n%s",
			   status, strlen(body) + bytes,
			   r->close ? "Connection: close\r\n" : "",
			   r->head ? "" : body);
	r->left = r->end + (r->head ? 0 : bytes);
}

/* Returns the status that refuses the request, or NULL. */
static const char *parse(struct http_reply *r, char *line, char **target)
{
	char *headers = strstr(line, "\r\n"), *p;
	const char *method = strsep(&line, " ");

	for (p = headers; *p; p++)
		*p = tolower(*p);
	*target = strsep(&line, " ");
	if (!line || strncmp(line, "HTTP/1.1\r", 9) ||
	    !strstr(headers, "\r\nhost:") ||
	    strstr(headers, "\r\ncontent-length:") ||
	    strstr(headers, "\r\ntransfer-encoding:"))
		return "400 Bad Request";
	r->close = strstr(headers, "\r\nconnection: close\r");
	r->head = !strcmp(method, "HEAD");
	return r->head || !strcmp(method, "GET") ? NULL : "501 Not Implemented";
}

static void answer(struct http_reply *r, char *request)
{
	const char *refusal;
	char stats[32];
	char *target;
	u64 bytes;

	refusal = parse(r, request, &target);
	if (refusal) {
		reply(r, refusal, "", 0);
	} else if (!strcmp(target, "/")) {
		reply(r, "200 OK", "Served by a kernel module.\nSee also /stats, /bytes/N\n", 0);
	} else if (!strcmp(target, "/stats")) {
		snprintf(stats, sizeof(stats), "requests %d\n", atomic_read(&requests));
		reply(r, "200 OK", stats, 0);
	} else if (!strncmp(target, "/bytes/", 7) && !kstrtou64(target + 7, 10, &bytes)) {
		reply(r, "200 OK", "", bytes);
	} else {
		reply(r, "404 Not Found", "", 0);
	}
}

/**
 * http_take() - answer the first request in a buffer, and take it out
 * @r: filled with the answer
 * @buf: room for HTTP_LONGEST bytes, with requests, the last perhaps in part
 * @len: how many bytes there are
 *
 * Return: false when more has to come first.
 */
bool http_take(struct http_reply *r, char *buf, size_t *len)
{
	char *end = strnstr(buf, "\r\n\r\n", *len);

	if (!end && *len < HTTP_LONGEST)
		return false;
	memset(r, 0, sizeof(*r));
	atomic_inc(&requests);
	if (!end) {
		reply(r, "431 Request Header Fields Too Large", "", 0);
		return true;
	}
	end[2] = '\0';
	if (strlen(buf) == end + 2 - buf)
		answer(r, buf);
	else
		reply(r, "400 Bad Request", "", 0);
	*len -= end + 4 - buf;
	memmove(buf, end + 4, *len);
	return true;
}

/**
 * http_rest() - what is to be sent next
 * @r: an answer that is not sent
 * @n: how many bytes
 *
 * Return: the bytes.
 */
void *http_rest(struct http_reply *r, size_t *n)
{
	if (r->begin < r->end) {
		*n = r->end - r->begin;
		return r->text + r->begin;
	}
	*n = min_t(u64, r->left, sizeof(pattern) - r->at);
	return pattern + r->at;
}

/**
 * http_sent() - so many of them were sent
 * @r: the answer
 * @n: how many
 */
void http_sent(struct http_reply *r, size_t n)
{
	if (r->begin < r->end)
		r->begin += n;
	else
		r->at = (r->at + n) % PERIOD;
	r->left -= n;
}

void http_init(void)
{
	unsigned int i;

	for (i = 0; i < sizeof(pattern); i++)
		pattern[i] = '!' + i % PERIOD;
}
