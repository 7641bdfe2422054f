// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench: count what operations cost
 *
 * Writing "<figure> <n>" to the parameter run performs the figure's operation
 * n times in a thread of its own; reading it tells what the last one took, as
 * "name=value" words. "<figure>-kinet" has kinet's sockets where the figure has
 * raw ones of the host's. Under QEMU's -icount the time stamp counter counts the
 * instructions that were executed. The host takes the figures that depend on
 * time rather than instructions by the processor time of the whole guest.
 */
#include <linux/module.h>
#include <linux/timex.h>
#include <uapi/linux/kinet.h>

#include "bench.h"

static const struct figure *const tables[] = {
	rpc_figures, stream_figures, conn_figures, call_figures, floor_figures,
	memory_figures,
#ifdef BENCH_ACTORS
	actor_figures,
#endif
};

int bench_domain = AF_INET;

static DEFINE_MUTEX(bench_lock);
static char result[512] = "none\n";
static size_t used;
static cycles_t begun, took;
static unsigned int performed;

/*
 * Emulators know these by what no compiler writes: an operand that has no use.
 * What runs between them is what a profile is of.
 */
static __always_inline void mark_begin(void)
{
#ifdef CONFIG_X86_64
	asm volatile(".byte 0x0f, 0x1f, 0x80, 0x4b, 0x42, 0x45, 0x47" ::: "memory");
#endif
}

static __always_inline void mark_end(void)
{
#ifdef CONFIG_X86_64
	asm volatile(".byte 0x0f, 0x1f, 0x80, 0x4b, 0x45, 0x4e, 0x44" ::: "memory");
#endif
}

/**
 * bench_note() - add a word to the result
 * @name: its name
 * @value: its value
 */
void bench_note(const char *name, long long value)
{
	used += scnprintf(result + used, sizeof(result) - used, "%s=%lld ",
			  name, value);
}

/**
 * bench_begin() - what follows is measured
 */
void bench_begin(void)
{
	mark_begin();
	begun = get_cycles();
}

/**
 * bench_end() - what is measured has ended, or pauses
 * @ops: operations it was
 */
void bench_end(unsigned int ops)
{
	took += get_cycles() - begun;
	mark_end();
	performed += ops;
}

static const struct figure *find(const char *name)
{
	const struct figure *f;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tables); i++)
		for (f = tables[i]; f->name; f++)
			if (!strcmp(f->name, name))
				return f;
	return NULL;
}

static int domain_of(char *name)
{
	char *of_kinet = strstr(name, "-kinet");

	if (!of_kinet)
		return AF_INET;
	*of_kinet = '\0';
	return PF_KINET;
}

struct order {
	const struct figure	*figure;
	unsigned int		n;
	int			err;
	struct completion	done;
};

static int perform(void *arg)
{
	struct order *order = arg;

	order->err = order->figure->run(order->figure, order->n);
	kthread_complete_and_exit(&order->done, 0);
	return 0;
}

static int run_set(const char *text, const struct kernel_param *kp)
{
	struct task_struct *task;
	struct order order = {};
	char name[64];
	int domain;

	if (sscanf(text, "%63s %u", name, &order.n) != 2)
		return -EINVAL;
	domain = domain_of(name);
	order.figure = find(name);
	if (!order.figure)
		return -ENOENT;
	init_completion(&order.done);
	mutex_lock(&bench_lock);
	bench_domain = domain;
	used = 0;
	took = 0;
	performed = 0;
	task = kthread_run(perform, &order, "bench");
	if (IS_ERR(task))
		order.err = PTR_ERR(task);
	else
		wait_for_completion(&order.done);
	bench_note("ops", performed);
	bench_note("instructions", took);
	mutex_unlock(&bench_lock);
	if (order.err)
		pr_err("bench: %s: %d\n", name, order.err);
	return order.err;
}

static int run_get(char *text, const struct kernel_param *kp)
{
	int len;

	mutex_lock(&bench_lock);
	len = scnprintf(text, PAGE_SIZE, "%s\n", result);
	mutex_unlock(&bench_lock);
	return len;
}

static const struct kernel_param_ops run_ops = {
	.set	= run_set,
	.get	= run_get,
};

module_param_cb(run, &run_ops, NULL, 0600);
MODULE_PARM_DESC(run, "a figure and how often; reading it tells what it took");

static int __init bench_init(void)
{
	return 0;
}

static void __exit bench_exit(void)
{
}

module_init(bench_init);
module_exit(bench_exit);

MODULE_DESCRIPTION("Counts what ksocket's calls, and those below, cost");
MODULE_LICENSE("GPL");
