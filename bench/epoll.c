// SPDX-License-Identifier: GPL-2.0-only
/*
 * A server in user space, of the kind that is written for speed: one process,
 * epoll, sockets that don't block, an answer to each message at once.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT	7000
#define EVENTS	64

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int listen_at(int port)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int on = 1;
	int s;

	s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (s < 0)
		fail("socket");
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(s, (struct sockaddr *)&at, sizeof(at)) || listen(s, 128))
		fail("listen");
	return s;
}

static void watch(int ep, int s)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = s };

	if (epoll_ctl(ep, EPOLL_CTL_ADD, s, &ev))
		fail("epoll_ctl");
}

static void accept_all(int ep, int listener)
{
	int on = 1;
	int s;

	while ((s = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		watch(ep, s);
	}
}

static void echo(int s)
{
	char buf[4096];
	ssize_t n = recv(s, buf, sizeof(buf), 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0 || send(s, buf, n, MSG_NOSIGNAL) != n)
		close(s);
}

int main(void)
{
	int listener = listen_at(PORT);
	int ep = epoll_create1(0);
	struct epoll_event ev[EVENTS];
	int i, n;

	if (ep < 0)
		fail("epoll_create1");
	watch(ep, listener);
	puts("ready");
	fflush(stdout);
	while ((n = epoll_wait(ep, ev, EVENTS, -1)) >= 0)
		for (i = 0; i < n; i++) {
			if (ev[i].data.fd == listener)
				accept_all(ep, listener);
			else
				echo(ev[i].data.fd);
		}
	fail("epoll_wait");
	return 1;
}
