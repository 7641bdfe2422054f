/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What http_server answers
 */
#ifndef _EXAMPLES_HTTP_REPLY_H
#define _EXAMPLES_HTTP_REPLY_H

#include <linux/types.h>

#define HTTP_LONGEST	4096	/* request */

/**
 * struct http_reply - an answer, as far as it was not sent
 * @left: how many bytes that is
 * @text: head, and perhaps a short body
 * @begin: where the rest of @text begins
 * @end: where it ends
 * @at: where the rest of a long body begins in the pattern
 * @head: without a body
 * @close: it ends the connection
 */
struct http_reply {
	u64		left;
	char		text[192];
	unsigned int	begin, end, at;
	bool		head, close;
};

bool http_take(struct http_reply *r, char *buf, size_t *len);
void *http_rest(struct http_reply *r, size_t *n);
void http_sent(struct http_reply *r, size_t n);
void http_init(void);

#endif /* _EXAMPLES_HTTP_REPLY_H */
