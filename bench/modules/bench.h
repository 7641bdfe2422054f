/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bench.ko: operations to be counted, by the file that defines them
 */
#ifndef _BENCH_H
#define _BENCH_H

#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/net.h>
#include <net/sock.h>
#include <ksocket/ksocket.h>

struct server;

/* The domain of raw sockets: AF_INET, or PF_KINET */
extern int bench_domain;

/**
 * struct figure - something to count; what else than these it needs is @run's
 * @name: what the host calls it
 * @run: performs about n operations between bench_begin() and bench_end()
 * @server: what serves the connections
 * @ks: the client's end, or both, are ksockets
 * @many: connections, or bytes
 */
struct figure {
	const char		*name;
	int			(*run)(const struct figure *f, unsigned int n);
	const struct server	*server;
	bool			ks;
	size_t			many;
};

/* main.c: what is measured, and the result */
void bench_begin(void);
void bench_end(unsigned int ops);
void bench_note(const char *name, long long value);

/**
 * struct end - one end of a connection, of one kind or the other
 * @sock: a kernel socket, or NULL
 * @ks: a ksocket, or NULL
 */
struct end {
	struct socket	*sock;
	ksocket_t	ks;
};

/* pair.c: connections over the loopback */
struct listener {
	struct end		end;
	struct sockaddr_in	at;
};

int listener_open(struct listener *l, bool ks);
void listener_close(struct listener *l);
int end_connect(struct end *e, bool ks, const struct sockaddr_in *to);
int end_accept(struct listener *l, struct end *e);
void end_close(struct end *e);
int end_send(struct end *e, void *data, size_t len);
int end_recv(struct end *e, void *data, size_t len, int flags);

/* Room for a message as large as any that is sent */
#define BENCH_ROOM	(64 << 10)

/**
 * struct conn - a connection between a client and a server that is measured
 * @client: what the figure's own thread talks to
 * @server: what the server serves
 * @size: bytes of a message
 * @work: where a server that hands over works
 * @task: where a server with a thread does
 * @done: the thread has ended
 * @saved: the hook that a bare hook replaced
 * @events: callbacks, or hooks, that ran
 * @received: bytes that a server took
 * @due: when it has taken so many
 * @all: it has, or its callback has run
 * @failed: the server's first error
 * @buf: the server's memory
 */
struct conn {
	struct end		client, server;
	size_t			size;
	struct work_struct	work;
	struct task_struct	*task;
	struct completion	done;
	void			(*saved)(struct sock *sk);
	u64			events;
	u64			received;
	u64			due;
	struct completion	all;
	int			failed;
	char			*buf;
};

/**
 * struct server - a way to serve a connection
 * @ks: its end is a ksocket
 * @start: begins to serve
 * @stop: ends it, before the connection is closed, or NULL
 */
struct server {
	bool	ks;
	int	(*start)(struct conn *c);
	void	(*stop)(struct conn *c);
};

int conn_open(struct conn *c, const struct server *sv, bool ks_client, size_t size);
int conn_nodelay(struct conn *c);
void conn_close(struct conn *c, const struct server *sv);
int conn_thread(struct conn *c, int (*serve)(void *arg));
void conn_join(struct conn *c);
void conn_hook(struct conn *c, void (*hook)(struct sock *sk));
void conn_unhook(struct conn *c);

void conn_received(struct conn *c, size_t len);

/* rpc.c, stream.c: how servers of other files are measured */
#define BATCH	64

int run_rpc(const struct figure *f, unsigned int n);
int run_stream(const struct figure *f, unsigned int n);
int run_messages(const struct figure *f, unsigned int n);
int run_lent(const struct figure *f, unsigned int n);
int hook_send(struct sock *sk, void *data, size_t len);

/* The tables of figures; each ends with a NULL */
extern const struct figure rpc_figures[], stream_figures[], conn_figures[],
			   call_figures[], floor_figures[], memory_figures[],
			   actor_figures[];

#endif /* _BENCH_H */
