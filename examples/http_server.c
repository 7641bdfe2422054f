// SPDX-License-Identifier: GPL-2.0-only
/*
 * http_server: serve HTTP/1.1 from blocking threads
 *
 * The one idea: how threads that block in a ksocket are ended. A worker holds
 * its handle, so the unload may close it from outside: the blocked call returns
 * -EINTR, every later one -ENOTSOCK; kthread_complete_and_exit() does the rest.
 */
#include <linux/ctype.h>
#include <linux/inet.h>
#include <linux/kthread.h>

#include <ksocket/ksocket.h>

static char *address = "::";
module_param(address, charp, 0444);
MODULE_PARM_DESC(address, "where to listen, an IPv4 or IPv6 address");
static char *port = "8080";
module_param(port, charp, 0444);
MODULE_PARM_DESC(port, "its port");

struct worker {
	ksocket_t sock;		/* its connection, or NULL; see lock */
	char buf[4096];		/* the longest request */
	size_t len;		/* bytes in it: requests not yet answered */
	const char *target;
	bool head, close;
};

static struct worker workers[32];	/* as many connections at a time */
static unsigned int running;
static DECLARE_COMPLETION(left);
static DEFINE_MUTEX(lock);		/* stopping, and each worker's sock */
static bool stopping;
static ksocket_t listener;
static atomic_t requests;
static char pattern[94 * 128];		/* /bytes/N repeats ASCII 33 to 126 */

/* Returns the status that refuses the request, or NULL. */
static const char *parse(struct worker *w)
{
	char *line = w->buf, *headers = strstr(line, "\r\n"), *p;
	const char *method = strsep(&line, " ");

	for (p = headers; *p; p++)
		*p = tolower(*p);
	w->target = strsep(&line, " ");
	if (!line || strncmp(line, "HTTP/1.1\r", 9) ||
	    !strstr(headers, "\r\nhost:") ||
	    strstr(headers, "\r\ncontent-length:") ||
	    strstr(headers, "\r\ntransfer-encoding:"))
		return "400 Bad Request";
	w->close = strstr(headers, "\r\nconnection: close\r");
	w->head = !strcmp(method, "HEAD");
	return w->head || !strcmp(method, "GET") ? NULL : "501 Not Implemented";
}

static int respond(struct worker *w, const char *status, const char *body,
		   u64 length)
{
	char head[128];
	size_t n;
	int err;

	w->close |= status[0] != '2';	/* else we might be out of step */
	n = scnprintf(head, sizeof(head),
		      "HTTP/1.1 %s\r\nContent-Length: %llu\r\n%s\r\n", status,
		      length, w->close ? "Connection: close\r\n" : "");
	if (w->head)
		length = 0;
	err = ksock_send(w->sock, head, n, length ? MSG_MORE : 0, NULL);
	for (; length && !err; length -= n) {
		n = min_t(u64, length, sizeof(pattern));
		err = ksock_send(w->sock, (void *)body, n, 0, NULL);
	}
	return err;
}

static int answer(struct worker *w, const char *refusal)
{
	char text[64] = "Served by a kernel module.\nSee also /stats, /bytes/N\n";
	u64 length;

	atomic_inc(&requests);
	if (refusal)
		return respond(w, refusal, NULL, 0);
	if (!strncmp(w->target, "/bytes/", 7) &&
	    !kstrtou64(w->target + 7, 10, &length))
		return respond(w, "200 OK", pattern, length);
	if (!strcmp(w->target, "/stats"))
		sprintf(text, "requests %d\n", atomic_read(&requests));
	else if (strcmp(w->target, "/"))
		return respond(w, "404 Not Found", NULL, 0);
	return respond(w, "200 OK", text, strlen(text));
}

/* Requests may come in pieces, and several at once. */
static void serve(struct worker *w)
{
	size_t n = 1, drained = 0;
	char *end;
	int err = 0;

	for (w->len = 0, w->close = false; !err && n && !w->close; ) {
		end = strnstr(w->buf, "\r\n\r\n", w->len);
		if (end) {
			end[2] = '\0';
			err = answer(w, strlen(w->buf) == end + 2 - w->buf ?
				     parse(w) : "400 Bad Request");
			w->len -= end + 4 - w->buf;
			memmove(w->buf, end + 4, w->len);
		} else if (w->len == sizeof(w->buf)) {
			err = answer(w, "431 Request Header Fields Too Large");
		} else {
			err = ksock_recv(w->sock, w->buf + w->len,
					 sizeof(w->buf) - w->len, 0, &n);
			w->len += n;
		}
	}

	ksock_shutdown(w->sock, SHUT_WR);	/* a close on unread bytes resets */
	for (; !err && n && drained < SZ_1M; drained += n)
		err = ksock_recv(w->sock, w->buf, sizeof(w->buf), 0, &n);
}

static int work(void *arg)
{
	struct __kernel_sock_timeval idle = { .tv_sec = 30 };
	struct worker *w = arg;
	ksocket_t s;
	int err = 0;

	while (!err || err == -ECONNABORTED || err == -ENOMEM) {
		err = ksock_accept(listener, &s, NULL, NULL);
		if (err)
			continue;
		ksock_hold(s);
		mutex_lock(&lock);
		w->sock = s;
		if (stopping)
			ksock_close(s);
		mutex_unlock(&lock);
		ksock_setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof(idle));
		ksock_setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &idle, sizeof(idle));
		serve(w);
		mutex_lock(&lock);
		w->sock = NULL;
		mutex_unlock(&lock);
		ksock_close(s);
		ksock_rele(s);
	}
	kthread_complete_and_exit(&left, 0);
}

static void http_server_exit(void)
{
	struct worker *w;

	ksock_close(listener);
	mutex_lock(&lock);
	stopping = true;
	for (w = workers; w < workers + running; w++)
		ksock_close(w->sock);	/* nothing happens to NULL */
	mutex_unlock(&lock);
	for (; running; running--)
		wait_for_completion(&left);
	ksock_rele(listener);
}

static int __init http_server_init(void)
{
	struct sockaddr_storage at;
	int i, err, on = 1;

	for (i = 0; i < sizeof(pattern); i++)
		pattern[i] = '!' + i % 94;
	err = inet_pton_with_scope(ksock_current_net(), AF_UNSPEC, address,
				   port, &at) ?:
	      ksock_socket(&listener, at.ss_family, SOCK_STREAM, 0);
	if (err)
		return err;
	ksock_hold(listener);
	err = ksock_setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on,
			       sizeof(on)) ?:
	      ksock_bind(listener, (struct sockaddr *)&at, sizeof(at)) ?:
	      ksock_listen(listener, 64);
	for (; !err && running < ARRAY_SIZE(workers); running += !err)
		err = PTR_ERR_OR_ZERO(kthread_run(work, workers + running,
						  "http/%u", running));
	if (err)
		http_server_exit();
	return err;
}

module_init(http_server_init);
module_exit(http_server_exit);

MODULE_DESCRIPTION("Example of a ksocket server: HTTP from blocking threads");
MODULE_LICENSE("GPL");
