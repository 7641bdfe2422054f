// SPDX-License-Identifier: GPL-2.0-only
/*
 * splat: deliberately broken, one mistake per load
 *
 * The laboratory's scanner is only worth something if it sees each kind of
 * complaint that a kernel can make. `insmod splat.ko kind=<name>` makes it.
 * OPTIMIZER_HIDE_VAR() keeps the compiler from seeing, or dropping, a mistake.
 * Only the laboratory's self-test loads this, into a guest of its own.
 */
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/sched/debug.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timer.h>
#include <linux/vmalloc.h>
#include <net/net_namespace.h>

static char *kind = "";
module_param(kind, charp, 0444);
MODULE_PARM_DESC(kind, "which mistake to make");

static int seconds = 20;
module_param(seconds, int, 0444);
MODULE_PARM_DESC(seconds, "how long soft-lockup and hung-task last");

static void splat_warn(void)
{
	WARN(1, "splat: a warning\n");
}

static void splat_bug(void)
{
	BUG();
}

static void splat_null(void)
{
	int *nowhere = NULL;

	OPTIMIZER_HIDE_VAR(nowhere);
	WRITE_ONCE(*nowhere, 1);
}

static void splat_kasan_oob(void)
{
	char *p = kmalloc(32, GFP_KERNEL);
	int past = 32;

	OPTIMIZER_HIDE_VAR(past);
	if (p)
		WRITE_ONCE(p[past], 1);
	kfree(p);
}

/*
 * It only reads: what is freed has KASAN's own list in it by now, which is healed of
 * a write by the next free only if none came between.
 */
static void splat_kasan_uaf(void)
{
	char *p = kmalloc(32, GFP_KERNEL);

	kfree(p);
	OPTIMIZER_HIDE_VAR(p);
	if (p)
		(void)READ_ONCE(p[0]);
}

static void splat_kasan_vmalloc(void)
{
	char *p = vmalloc(100);
	int past = 100;

	OPTIMIZER_HIDE_VAR(past);
	if (p)
		WRITE_ONCE(p[past], 1);
	vfree(p);
}

static void splat_ubsan(void)
{
	int shift = 32;
	int value = 1;

	OPTIMIZER_HIDE_VAR(shift);
	value <<= shift + 8;
	OPTIMIZER_HIDE_VAR(value);
}

static void splat_lockdep_order(void)
{
	static DEFINE_MUTEX(first);
	static DEFINE_MUTEX(second);

	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);

	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

/* Two locks of one class: lockdep objects, and nothing hangs. */
static void splat_lockdep_recursive(void)
{
	static struct lock_class_key key;
	static spinlock_t locks[2];

	spin_lock_init(&locks[0]);
	spin_lock_init(&locks[1]);
	lockdep_set_class(&locks[0], &key);
	lockdep_set_class(&locks[1], &key);
	spin_lock(&locks[0]);
	spin_lock(&locks[1]);
	spin_unlock(&locks[1]);
	spin_unlock(&locks[0]);
}

static DEFINE_SPINLOCK(irq_lock);

static void splat_timer_takes_lock(struct timer_list *timer)
{
	spin_lock(&irq_lock);
	spin_unlock(&irq_lock);
}

/* The same lock in a timer, and in a task with softirqs on. */
static void splat_lockdep_irq(void)
{
	static struct timer_list timer;

	timer_setup(&timer, splat_timer_takes_lock, 0);
	mod_timer(&timer, jiffies);
	while (timer_pending(&timer))
		msleep(20);
	del_timer_sync(&timer);

	spin_lock(&irq_lock);
	spin_unlock(&irq_lock);
}

static void splat_lock_held(void)
{
	static DEFINE_SPINLOCK(lock);

	lockdep_assert_held(&lock);
}

static void splat_atomic_sleep(void)
{
	static DEFINE_SPINLOCK(lock);

	spin_lock(&lock);
	might_sleep();
	spin_unlock(&lock);
}

static void splat_rcu_usage(void)
{
	static int __rcu *pointer;

	rcu_dereference(pointer);
}

static void splat_kmemleak(void)
{
	static const size_t sizes[] = { 100, 200, 300, 400 };
	size_t i;
	char *p;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		p = kmalloc(sizes[i], GFP_KERNEL);
		OPTIMIZER_HIDE_VAR(p);
	}
}

static void splat_refcount(void)
{
	refcount_t count = REFCOUNT_INIT(1);

	refcount_dec(&count);
	refcount_inc(&count);
}

/*
 * The count is balanced but its tracker never told: the namespace complains
 * when it ends. Load this one in a namespace that does end.
 */
static void splat_netns_tracker(void)
{
	static netns_tracker tracker;
	struct net *net = current->nsproxy->net_ns;

	get_net_track(net, &tracker, GFP_KERNEL);
	put_net(net);
}

/* A namespace that never ends. */
static void splat_netns_leak(void)
{
	get_net(current->nsproxy->net_ns);
}

/* A tracked reference to a device, given back twice. */
static void splat_netdev_ref(void)
{
	static netdevice_tracker tracker;
	struct net_device *dev = current->nsproxy->net_ns->loopback_dev;

	netdev_hold(dev, &tracker, GFP_KERNEL);
	dev_hold(dev);
	netdev_put(dev, &tracker);
	netdev_put(dev, &tracker);
}

static void splat_timer_idle(struct timer_list *timer)
{
}

/* Memory freed with a timer armed in it. */
static void splat_odebug(void)
{
	struct timer_list *timer = kmalloc(sizeof(*timer), GFP_KERNEL);

	if (!timer)
		return;
	timer_setup(timer, splat_timer_idle, 0);
	mod_timer(timer, jiffies + 1000 * HZ);
	kfree(timer);
}

static void splat_list(void)
{
	LIST_HEAD(head);
	static struct list_head entry;

	list_add(&entry, &head);
	list_add(&entry, &head);
}

/* A constructor keeps the cache from being merged with another. */
static void splat_construct(void *object)
{
	memset(object, 0, 64);
}

static void splat_cache_leak(void)
{
	struct kmem_cache *cache;

	cache = kmem_cache_create("splat", 64, 0, 0, splat_construct);
	if (!cache)
		return;
	if (kmem_cache_alloc(cache, GFP_KERNEL))
		kmem_cache_destroy(cache);
}

static int splat_raced;

static int splat_race(void *unused)
{
	while (!kthread_should_stop()) {
		splat_raced++;
		cond_resched();
	}
	return 0;
}

/* Two tasks count in one variable, without a lock or a mark. */
static void splat_data_race(void)
{
	struct task_struct *racer = kthread_run(splat_race, NULL, "splat");
	unsigned long end = jiffies + 5 * HZ;

	if (IS_ERR(racer))
		return;
	while (time_before(jiffies, end)) {
		splat_raced++;
		cond_resched();
	}
	kthread_stop(racer);
}

/* Neither the scheduler nor RCU gets this CPU for a while. */
static void splat_spin(void)
{
	u64 end = ktime_get_ns() + (u64)seconds * NSEC_PER_SEC;

	preempt_disable();
	while (ktime_get_ns() < end)
		cpu_relax();
	preempt_enable();
}

/* An uninterruptible sleep that is longer than the hung task check. */
static void splat_hung_task(void)
{
	set_current_state(TASK_UNINTERRUPTIBLE);
	schedule_timeout(seconds * HZ);
}

static const struct {
	const char *name;
	void (*make)(void);
} splats[] = {
	{ "warn", splat_warn },
	{ "bug", splat_bug },
	{ "null", splat_null },
	{ "kasan-oob", splat_kasan_oob },
	{ "kasan-uaf", splat_kasan_uaf },
	{ "kasan-vmalloc", splat_kasan_vmalloc },
	{ "ubsan", splat_ubsan },
	{ "lockdep-order", splat_lockdep_order },
	{ "lockdep-recursive", splat_lockdep_recursive },
	{ "lockdep-irq", splat_lockdep_irq },
	{ "lock-held", splat_lock_held },
	{ "atomic-sleep", splat_atomic_sleep },
	{ "rcu-usage", splat_rcu_usage },
	{ "kmemleak", splat_kmemleak },
	{ "refcount", splat_refcount },
	{ "netns-tracker", splat_netns_tracker },
	{ "netns-leak", splat_netns_leak },
	{ "netdev-ref", splat_netdev_ref },
	{ "odebug", splat_odebug },
	{ "list", splat_list },
	{ "cache-leak", splat_cache_leak },
	{ "data-race", splat_data_race },
	{ "soft-lockup", splat_spin },
	{ "hung-task", splat_hung_task },
};

static int __init splat_init(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(splats); i++) {
		if (strcmp(kind, splats[i].name))
			continue;
		pr_info("splat: making %s\n", kind);
		splats[i].make();
		return 0;
	}
	return -EINVAL;
}

static void __exit splat_exit(void)
{
}

module_init(splat_init);
module_exit(splat_exit);

MODULE_DESCRIPTION("Deliberately broken, for the laboratory's self-test");
MODULE_LICENSE("GPL");
