// SPDX-License-Identifier: GPL-2.0-only
/*
 * blocking_client: fetch a page over HTTP/1.1 while the module is loaded
 *
 * The one idea: blocking calls, straight down the page. Each one does what its
 * namesake does in a user's program, and the first error is what insmod says.
 * Ours are EPROTO: not HTTP; EREMOTEIO: a status other than 200; EMSGSIZE: the
 * head is too long; EOPNOTSUPP: a transfer encoding; ENODATA: the body is
 * shorter than announced; EBADMSG: its digest is not sha256=.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <crypto/sha2.h>
#include <linux/inet.h>
#include <linux/kernel.h>
#include <linux/slab.h>

#include <ksocket/ksocket.h>

static char *address = "127.0.0.1";
module_param(address, charp, 0444);
MODULE_PARM_DESC(address, "server, an IPv4 or IPv6 address");
static char *port = "80";
module_param(port, charp, 0444);
MODULE_PARM_DESC(port, "its port");
static char *path = "/";
module_param(path, charp, 0444);
MODULE_PARM_DESC(path, "what to ask for");
static char *digest;
module_param_named(sha256, digest, charp, 0444);
MODULE_PARM_DESC(sha256, "digest that the body must have, 64 hex digits");
static unsigned int timeout = 10;
module_param(timeout, uint, 0444);
MODULE_PARM_DESC(timeout, "longest wait for the server, in seconds");

struct reply {
	char buf[4096 + 1];
	size_t len;
	u64 announced, bytes;	/* length of the body; 0 if not announced */
	struct sha256_state sha;
	u8 digest[SHA256_DIGEST_SIZE];
};

static int send_request(ksocket_t s)
{
	int zone = strcspn(address, "%");
	bool v6 = strchr(address, ':');
	char *request;
	int err;

	request = kasprintf(GFP_KERNEL,
			    "GET %s HTTP/1.1\r\nHost: %s%.*s%s:%s\r\n"
			    "User-Agent: %s\r\nConnection: close\r\n\r\n", path,
			    v6 ? "[" : "", zone, address, v6 ? "]" : "", port,
			    KBUILD_MODNAME);
	if (!request)
		return -ENOMEM;
	err = ksock_send(s, request, strlen(request), 0, NULL);
	kfree(request);
	return err;
}

/* Returns the value of a header; cuts the head behind it. */
static char *header(char *head, const char *name)
{
	size_t len = strlen(name);
	char *line = head;

	while ((line = strstr(line, "\r\n"))) {
		line += 2;
		if (!strncasecmp(line, name, len) && line[len] == ':') {
			line[strcspn(line, "\r")] = '\0';
			return strim(line + len + 1);
		}
	}
	return NULL;
}

static int parse_head(struct reply *r)
{
	unsigned int minor, status;
	char *length;

	if (sscanf(r->buf, "HTTP/1.%1u %3u", &minor, &status) != 2)
		return -EPROTO;
	if (status != 200)
		return -EREMOTEIO;
	if (header(r->buf, "Transfer-Encoding"))
		return -EOPNOTSUPP;

	length = header(r->buf, "Content-Length");
	return length && kstrtou64(length, 10, &r->announced) ? -EPROTO : 0;
}

/* Reads up to the body, whose beginning may have come with the head. */
static int receive_head(ksocket_t s, struct reply *r)
{
	char *end;
	size_t n;
	int err;

	do {
		if (r->len == sizeof(r->buf) - 1)
			return -EMSGSIZE;
		err = ksock_recv(s, r->buf + r->len,
				 sizeof(r->buf) - 1 - r->len, 0, &n);
		if (err)
			return err;
		if (!n)
			return -EPROTO;
		r->len += n;
		end = strnstr(r->buf, "\r\n\r\n", r->len);
	} while (!end);

	end += 4;
	r->bytes = r->buf + r->len - end;
	sha256_update(&r->sha, end, r->bytes);
	end[-2] = '\0';
	return parse_head(r);
}

static int receive_body(ksocket_t s, struct reply *r)
{
	size_t n;
	int err;

	do {
		err = ksock_recv(s, r->buf, sizeof(r->buf), 0, &n);
		if (err)
			return err;
		sha256_update(&r->sha, r->buf, n);
		r->bytes += n;
	} while (n);

	sha256_final(&r->sha, r->digest);
	return r->bytes < r->announced ? -ENODATA : 0;
}

static int fetch(ksocket_t s, const struct sockaddr_storage *to,
		 struct reply *r)
{
	struct __kernel_sock_timeval tv = { .tv_sec = timeout };

	return ksock_setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) ?:
	       ksock_setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) ?:
	       ksock_connect(s, (struct sockaddr *)to, sizeof(*to)) ?:
	       send_request(s) ?:
	       receive_head(s, r) ?:
	       receive_body(s, r);
}

static int __init blocking_client_init(void)
{
	u8 expected[SHA256_DIGEST_SIZE];
	struct sockaddr_storage to;
	struct reply *r;
	ksocket_t s;
	int err;

	if (path[0] != '/' || strpbrk(path, " \t\r\n") || !timeout ||
	    inet_pton_with_scope(ksock_current_net(), AF_UNSPEC, address, port,
				 &to))
		return -EINVAL;
	if (digest && (strlen(digest) != 2 * sizeof(expected) ||
		       hex2bin(expected, digest, sizeof(expected))))
		return -EINVAL;

	r = kzalloc(sizeof(*r), GFP_KERNEL);
	if (!r)
		return -ENOMEM;
	sha256_init(&r->sha);
	err = ksock_socket(&s, to.ss_family, SOCK_STREAM, 0);
	if (err)
		goto free_reply;

	err = fetch(s, &to, r);
	ksock_close(s);
	if (!err)
		pr_info("%s from %pISpc: %llu bytes, sha256 %*phN\n", path, &to,
			r->bytes, SHA256_DIGEST_SIZE, r->digest);
	if (!err && digest && memcmp(expected, r->digest, sizeof(expected)))
		err = -EBADMSG;
	if (err)
		pr_err("%s from %pISpc: %pe\n", path, &to, ERR_PTR(err));
free_reply:
	kfree(r);
	return err;
}

/* Nothing is left to undo, but a module without an exit stays for ever. */
static void __exit blocking_client_exit(void)
{
}

module_init(blocking_client_init);
module_exit(blocking_client_exit);

MODULE_DESCRIPTION("Example of a ksocket client: fetch a page over HTTP");
MODULE_LICENSE("GPL");
