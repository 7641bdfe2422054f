// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/ksockctl: every ksock_* call, one ioctl each, for the tests
 *
 * The call is made by the process that asks for it: in its network namespace,
 * with its capabilities and signals. Every socket is held for as long as the
 * device is open, so that a test can use a handle after it was closed. All that
 * this module allocates for a call is there before the call begins, so that an
 * allocation that is made to fail is one of ksocket's or of the kernel below.
 */
#include <linux/bvec.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/vmalloc.h>
#include <linux/xarray.h>

#include <ksocket/ksocket.h>

#include "actor.h"
#include "ksockctl.h"
#include "parcel.h"
#include "recorder.h"

#define MAX_DATA	SZ_16M
#define MAX_CTL		SZ_4K
#define MAX_PAGES	16

/* One opened device */
struct control {
	struct xarray		handles;
	struct mutex		lock;		/* recorders, actors, parcels */
	struct list_head	recorders;	/* the newest first */
	struct list_head	actors;		/* likewise */
	struct list_head	parcels;
	u32			parcel_count;
};

/* One call, with its arguments in kernel memory */
struct job {
	struct ksockctl_call	call;
	struct control		*control;
	struct recorder		*rec;
	struct actor		*actor;
	struct parcel		*parcel;
	struct sockaddr_storage	addr;
	ksocket_t		s;
	ksocket_t		new;
	void			*data;
	void			*ctl;
	size_t			done;
	struct msghdr		msg;
	struct kvec		kvec[2];
	struct bio_vec		bvec[MAX_PAGES];
};

static bool is_null(const struct job *job, unsigned int what)
{
	return job->call.null & what;
}

static void *data_or_null(struct job *job)
{
	return is_null(job, KSOCKCTL_NULL_DATA) ? NULL : job->data;
}

static struct sockaddr *addr_or_null(struct job *job)
{
	return is_null(job, KSOCKCTL_NULL_ADDR) ? NULL :
	       (struct sockaddr *)&job->addr;
}

static socklen_t *addrlen_or_null(struct job *job)
{
	return is_null(job, KSOCKCTL_NULL_ADDRLEN) ? NULL : &job->call.addrlen;
}

static size_t *done_or_null(struct job *job)
{
	return is_null(job, KSOCKCTL_NULL_DONE) ? NULL : &job->done;
}

static ksocket_t *new_or_null(struct job *job)
{
	return is_null(job, KSOCKCTL_NULL_NEW) ? NULL : &job->new;
}

static void set_pages(struct job *job, unsigned int dir)
{
	size_t left = min_t(size_t, job->call.size, MAX_PAGES * PAGE_SIZE);
	char *at = job->data;
	unsigned int n;

	for (n = 0; left; n++) {
		size_t len = min_t(size_t, left,
				   PAGE_SIZE - offset_in_page(at));

		bvec_set_page(&job->bvec[n], vmalloc_to_page(at), len,
			      offset_in_page(at));
		at += len;
		left -= len;
	}
	iov_iter_bvec(&job->msg.msg_iter, dir, job->bvec, n, at - (char *)job->data);
}

static void set_kvec(struct job *job, unsigned int dir)
{
	size_t half = job->call.size / 2;

	job->kvec[0] = (struct kvec){ job->data, half };
	job->kvec[1] = (struct kvec){ job->data + half, job->call.size - half };
	iov_iter_kvec(&job->msg.msg_iter, dir, job->kvec, 2, job->call.size);
}

static struct msghdr *message(struct job *job, unsigned int dir)
{
	if (is_null(job, KSOCKCTL_NULL_DATA))
		return NULL;
	if (job->call.b == KSOCKCTL_BVEC)
		set_pages(job, dir);
	else
		set_kvec(job, dir);
	job->msg.msg_name = addr_or_null(job);
	job->msg.msg_namelen = job->call.addrlen;
	if (job->call.ctl_len) {
		job->msg.msg_control = job->ctl;
		job->msg.msg_controllen = job->call.ctl_len;
	}
	return &job->msg;
}

static int recv_message(struct job *job)
{
	struct ksockctl_call *call = &job->call;
	int err;

	err = ksock_recvmsg(job->s, message(job, ITER_DEST), call->a,
			    done_or_null(job));
	call->addrlen = job->msg.msg_namelen;
	call->msg_flags = job->msg.msg_flags;
	call->ctl_len -= job->msg.msg_controllen;
	return err;
}

static int transfer(struct job *job)
{
	const struct ksockctl_call *call = &job->call;

	switch (call->op) {
	case KSOCKCTL_SEND:
		return ksock_send(job->s, data_or_null(job), call->size,
				  call->a, done_or_null(job));
	case KSOCKCTL_SENDTO:
		return ksock_sendto(job->s, data_or_null(job), call->size,
				    call->a, addr_or_null(job), call->addrlen,
				    done_or_null(job));
	case KSOCKCTL_SENDMSG:
		return ksock_sendmsg(job->s, message(job, ITER_SOURCE),
				     call->a, done_or_null(job));
	case KSOCKCTL_RECV:
		return ksock_recv(job->s, data_or_null(job), call->size,
				  call->a, done_or_null(job));
	case KSOCKCTL_RECVFROM:
		return ksock_recvfrom(job->s, data_or_null(job), call->size,
				      call->a, addr_or_null(job),
				      addrlen_or_null(job), done_or_null(job));
	case KSOCKCTL_RECVMSG:
		return recv_message(job);
	default:
		return -EOPNOTSUPP;
	}
}

static int create(struct job *job)
{
	const struct ksockctl_call *call = &job->call;
	struct net *net = ksock_current_net();

	if (!call->d && !is_null(job, KSOCKCTL_NULL_NET))
		return ksock_socket(new_or_null(job), call->a, call->b,
				    call->c);
	if (is_null(job, KSOCKCTL_NULL_NET))
		net = NULL;
	return ksock_socket_net(new_or_null(job), call->a, call->b, call->c,
				net, call->d);
}

/* The newest recorder of the socket, or NULL */
static struct recorder *recorder(struct job *job)
{
	struct recorder *rec, *found = NULL;

	mutex_lock(&job->control->lock);
	list_for_each_entry(rec, &job->control->recorders, node) {
		if (rec->handle == job->call.handle) {
			found = rec;
			break;
		}
	}
	mutex_unlock(&job->control->lock);
	return found;
}

static int tell(struct job *job)
{
	struct recorder *rec = recorder(job);

	if (!rec)
		return -ENOENT;
	job->done = recorder_read(rec, job->call.a, job->data,
				  job->call.data_len);
	return 0;
}

/* Callbacks of every registration: an earlier one may still run. */
static int open_gates(struct job *job)
{
	struct recorder *rec;

	mutex_lock(&job->control->lock);
	list_for_each_entry(rec, &job->control->recorders, node) {
		if (rec->handle == job->call.handle)
			recorder_open(rec);
	}
	mutex_unlock(&job->control->lock);
	return 0;
}

/* The newest actor of the socket, or NULL */
static struct actor *find_actor(struct job *job)
{
	struct actor *actor, *found = NULL;

	mutex_lock(&job->control->lock);
	list_for_each_entry(actor, &job->control->actors, node) {
		if (actor->handle == job->call.handle) {
			found = actor;
			break;
		}
	}
	mutex_unlock(&job->control->lock);
	return found;
}

static int act(struct job *job)
{
	struct ksockctl_call *call = &job->call;
	struct actor *actor = find_actor(job);

	if (!actor)
		return -ENOENT;
	switch (call->op) {
	case KSOCKCTL_ACTOR:
		return actor_start(actor);
	case KSOCKCTL_TAKEN:
		job->done = actor_read(actor, call->a, job->data,
				       call->data_len);
		call->b = actor->refused;
		return 0;
	default:
		return actor_resume(actor, call->b);
	}
}

static struct parcel *find_parcel(struct job *job)
{
	struct parcel *parcel, *found = NULL;

	mutex_lock(&job->control->lock);
	list_for_each_entry(parcel, &job->control->parcels, node) {
		if (parcel->number == job->call.a)
			found = parcel;
	}
	mutex_unlock(&job->control->lock);
	return found;
}

static int look_at_parcel(struct job *job)
{
	struct ksockctl_call *call = &job->call;
	struct parcel *parcel = find_parcel(job);

	if (!parcel)
		return -ENOENT;
	if (call->op == KSOCKCTL_SPOIL) {
		parcel_spoil(parcel);
		return 0;
	}
	job->done = atomic_read(&parcel->told);
	call->b = parcel->copied;
	call->c = parcel->refused;
	call->d = parcel->context;
	return 0;
}

static int send_parcel(struct job *job)
{
	struct ksockctl_call *call = &job->call;

	call->d = job->parcel->number;
	if (call->op == KSOCKCTL_SEND_BVEC)
		return parcel_send_bvec(job->parcel, call, done_or_null(job));
	return parcel_send_zc(job->parcel, call, done_or_null(job));
}

static int tune(struct job *job)
{
	const struct ksockctl_tuning *from = job->data;
	struct ksock_tuning tuning;

	if (is_null(job, KSOCKCTL_NULL_DATA))
		return ksock_tune(job->s, NULL);
	if (job->call.data_len < sizeof(*from))
		return -EINVAL;
	tuning = (struct ksock_tuning) {
		.nodelay	= from->nodelay,
		.reset_on_close	= from->reset_on_close,
		.tos		= from->tos,
		.linger		= from->linger,
		.keepidle	= from->keepidle,
		.keepintvl	= from->keepintvl,
		.keepcnt	= from->keepcnt,
		.user_timeout	= from->user_timeout,
		.sndbuf		= from->sndbuf,
		.rcvbuf		= from->rcvbuf,
		.device		= from->device[0] ? from->device : NULL,
	};
	return ksock_tune(job->s, &tuning);
}

static int events(struct job *job)
{
	const struct ksockctl_call *call = &job->call;

	switch (call->op) {
	case KSOCKCTL_CALLBACKS:
		return recorder_start(job->rec, call);
	case KSOCKCTL_CALLBACKS_END:
		return ksock_callbacks(job->s, NULL, NULL);
	case KSOCKCTL_TOLD:
		return tell(job);
	case KSOCKCTL_OPEN:
		return open_gates(job);
	case KSOCKCTL_WANT_XMIT:
		return ksock_want_xmit(job->s);
	case KSOCKCTL_ACTOR:
	case KSOCKCTL_TAKEN:
	case KSOCKCTL_RESUME:
		return act(job);
	case KSOCKCTL_SEND_BVEC:
	case KSOCKCTL_SEND_ZC:
		return send_parcel(job);
	case KSOCKCTL_PARCEL:
	case KSOCKCTL_SPOIL:
		return look_at_parcel(job);
	default:
		return transfer(job);
	}
}

static int control(struct job *job)
{
	struct ksockctl_call *call = &job->call;

	switch (call->op) {
	case KSOCKCTL_SETSOCKOPT:
		return ksock_setsockopt(job->s, call->a, call->b,
					data_or_null(job), call->c);
	case KSOCKCTL_GETSOCKOPT:
		return ksock_getsockopt(job->s, call->a, call->b,
					data_or_null(job),
					is_null(job, KSOCKCTL_NULL_ADDRLEN) ?
					NULL : &call->c);
	case KSOCKCTL_IOCTL:
		return ksock_ioctl(job->s, call->a,
				   is_null(job, KSOCKCTL_NULL_DATA) ?
				   0 : (intptr_t)&call->b);
	case KSOCKCTL_POLL:
		job->done = (__force u32)ksock_poll(job->s);
		return 0;
	case KSOCKCTL_HOLD:
		ksock_hold(job->s);
		return 0;
	case KSOCKCTL_RELE:
		ksock_rele(job->s);
		return 0;
	case KSOCKCTL_TUNE:
		return tune(job);
	default:
		return events(job);
	}
}

static int connection(struct job *job)
{
	const struct ksockctl_call *call = &job->call;

	switch (call->op) {
	case KSOCKCTL_SOCKET:
		return create(job);
	case KSOCKCTL_CLOSE:
		return ksock_close(job->s);
	case KSOCKCTL_BIND:
		return ksock_bind(job->s, addr_or_null(job), call->addrlen);
	case KSOCKCTL_BIND_RESERVED:
		return ksock_bind_reserved(job->s, addr_or_null(job),
					   call->addrlen);
	case KSOCKCTL_LISTEN:
		return ksock_listen(job->s, call->a);
	case KSOCKCTL_ACCEPT:
		return ksock_accept(job->s, new_or_null(job), addr_or_null(job),
				    addrlen_or_null(job));
	case KSOCKCTL_CONNECT:
		return ksock_connect(job->s, addr_or_null(job), call->addrlen);
	case KSOCKCTL_SHUTDOWN:
		return ksock_shutdown(job->s, call->a);
	case KSOCKCTL_GETPEERNAME:
		return ksock_getpeername(job->s, addr_or_null(job),
					 addrlen_or_null(job));
	case KSOCKCTL_GETSOCKNAME:
		return ksock_getsockname(job->s, addr_or_null(job),
					 addrlen_or_null(job));
	default:
		return control(job);
	}
}

#ifdef CONFIG_FAULT_INJECTION
static void fail_begin(const struct job *job)
{
	current->fail_nth = job->call.fail_nth;
}

static void fail_end(struct job *job)
{
	job->call.fail_nth = current->fail_nth;
	current->fail_nth = 0;
}
#else
static void fail_begin(const struct job *job)
{
}

static void fail_end(struct job *job)
{
}
#endif

/* Copies come before and after, so that only the call itself is made to fail. */
static int job_load(struct job *job, const void __user *from)
{
	struct ksockctl_call *call = &job->call;

	if (copy_from_user(call, from, sizeof(*call)))
		return -EFAULT;
	if (call->data_len > MAX_DATA || call->ctl_len > MAX_CTL)
		return -E2BIG;
	job->data = vzalloc(max_t(size_t, call->data_len, 1));
	job->ctl = kzalloc(max_t(size_t, call->ctl_len, 1), GFP_KERNEL);
	if (!job->data || !job->ctl)
		return -ENOMEM;
	if (copy_from_user(job->data, u64_to_user_ptr(call->data),
			   call->data_len) ||
	    copy_from_user(&job->addr, u64_to_user_ptr(call->addr),
			   sizeof(job->addr)) ||
	    copy_from_user(job->ctl, u64_to_user_ptr(call->ctl), call->ctl_len))
		return -EFAULT;
	return 0;
}

static int job_store(const struct job *job, void __user *to, size_t ctl_len)
{
	const struct ksockctl_call *call = &job->call;

	if (copy_to_user(u64_to_user_ptr(call->data), job->data,
			 call->data_len) ||
	    copy_to_user(u64_to_user_ptr(call->addr), &job->addr,
			 sizeof(job->addr)) ||
	    copy_to_user(u64_to_user_ptr(call->ctl), job->ctl, ctl_len) ||
	    copy_to_user(to, call, sizeof(*call)))
		return -EFAULT;
	return 0;
}

static void job_free(struct job *job)
{
	vfree(job->data);
	kfree(job->ctl);
	kfree(job);
}

/* Our own reference; that of the creator goes with ksock_close(). */
static void keep(struct control *control, struct job *job, u32 id)
{
	ksock_hold(job->new);
	/* The entry was reserved, so this can't fail. */
	xa_store(&control->handles, id, job->new, GFP_KERNEL);
	job->call.new = id;
}

/* From here on it belongs to the device. */
static int add_recorder(struct job *job)
{
	const struct ksockctl_call *call = &job->call;
	struct control *control = job->control;

	if (call->op != KSOCKCTL_CALLBACKS)
		return 0;
	job->rec = recorder_alloc(call->handle, job->s, call);
	if (!job->rec)
		return -ENOMEM;
	mutex_lock(&control->lock);
	list_add(&job->rec->node, &control->recorders);
	mutex_unlock(&control->lock);
	return 0;
}

static int add_actor(struct job *job)
{
	const struct ksockctl_call *call = &job->call;
	struct control *control = job->control;

	if (call->op != KSOCKCTL_ACTOR)
		return 0;
	job->actor = actor_alloc(call->handle, job->s, call);
	if (!job->actor)
		return -ENOMEM;
	mutex_lock(&control->lock);
	list_add(&job->actor->node, &control->actors);
	mutex_unlock(&control->lock);
	return 0;
}

static int add_parcel(struct job *job)
{
	const struct ksockctl_call *call = &job->call;
	struct control *control = job->control;

	if (call->op != KSOCKCTL_SEND_BVEC && call->op != KSOCKCTL_SEND_ZC)
		return 0;
	job->parcel = parcel_alloc(job->s, call, job->data);
	if (!job->parcel)
		return -ENOMEM;
	mutex_lock(&control->lock);
	job->parcel->number = control->parcel_count++;
	list_add(&job->parcel->node, &control->parcels);
	mutex_unlock(&control->lock);
	return 0;
}

static int run(struct control *control, struct job *job)
{
	struct ksockctl_call *call = &job->call;
	u32 id;
	int err;

	if (!is_null(job, KSOCKCTL_NULL_HANDLE) &&
	    call->op != KSOCKCTL_SOCKET) {
		job->s = xa_load(&control->handles, call->handle);
		if (!job->s)
			return -EBADF;
	}
	job->control = control;
	err = add_recorder(job) ?: add_actor(job) ?: add_parcel(job);
	if (err)
		return err;
	err = xa_alloc(&control->handles, &id, NULL, xa_limit_31b, GFP_KERNEL);
	if (err)
		return err;
	call->new = -1;
	fail_begin(job);
	call->result = connection(job);
	fail_end(job);
	call->done = job->done;
	if (job->new)
		keep(control, job, id);
	else
		xa_release(&control->handles, id);
	return 0;
}

static long ksockctl_ioctl(struct file *file, unsigned int cmd,
			   unsigned long arg)
{
	void __user *user = (void __user *)arg;
	struct job *job;
	size_t ctl_len;
	int err;

	if (cmd != KSOCKCTL_CALL)
		return -ENOTTY;
	job = kzalloc(sizeof(*job), GFP_KERNEL);
	if (!job)
		return -ENOMEM;
	err = job_load(job, user);
	if (err)
		goto free;
	ctl_len = job->call.ctl_len;
	err = run(file->private_data, job);
	if (!err)
		err = job_store(job, user, ctl_len);
free:
	job_free(job);
	return err;
}

static int ksockctl_open(struct inode *inode, struct file *file)
{
	struct control *control = kzalloc(sizeof(*control), GFP_KERNEL);

	if (!control)
		return -ENOMEM;
	xa_init_flags(&control->handles, XA_FLAGS_ALLOC);
	mutex_init(&control->lock);
	INIT_LIST_HEAD(&control->recorders);
	INIT_LIST_HEAD(&control->actors);
	INIT_LIST_HEAD(&control->parcels);
	file->private_data = control;
	return nonseekable_open(inode, file);
}

/* What the test left open is closed; -ENOTSOCK is for what it closed itself. */
static int ksockctl_release(struct inode *inode, struct file *file)
{
	struct control *control = file->private_data;
	struct recorder *rec, *next;
	struct parcel *parcel, *further;
	struct actor *actor, *more;
	unsigned long id;
	ksocket_t s;

	list_for_each_entry(rec, &control->recorders, node)
		recorder_open(rec);
	xa_for_each(&control->handles, id, s)
		ksock_close(s);
	list_for_each_entry_safe(rec, next, &control->recorders, node)
		recorder_free(rec);
	list_for_each_entry_safe(actor, more, &control->actors, node)
		actor_free(actor);
	list_for_each_entry_safe(parcel, further, &control->parcels, node)
		parcel_put(parcel);
	xa_for_each(&control->handles, id, s)
		ksock_rele(s);
	xa_destroy(&control->handles);
	kfree(control);
	return 0;
}

static const struct file_operations ksockctl_fops = {
	.owner		= THIS_MODULE,
	.open		= ksockctl_open,
	.release	= ksockctl_release,
	.unlocked_ioctl	= ksockctl_ioctl,
};

static struct miscdevice ksockctl_device = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "ksockctl",
	.fops	= &ksockctl_fops,
	.mode	= 0600,
};

static int __init ksockctl_init(void)
{
	return misc_register(&ksockctl_device);
}

static void __exit ksockctl_exit(void)
{
	misc_deregister(&ksockctl_device);
	parcels_wait();
}

module_init(ksockctl_init);
module_exit(ksockctl_exit);

MODULE_DESCRIPTION("Every ksock_* call as an ioctl, for tests");
MODULE_LICENSE("GPL");
