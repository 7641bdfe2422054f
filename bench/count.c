// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plug-in of QEMU's that counts instructions by where they are
 *
 * From the mark that bench_begin() executes to that of bench_end(). When the
 * guest has ended, the file that is given as out= has a line for each block of
 * instructions that was executed: its address, and how many instructions of it.
 * Every interface used is declared here: distributions don't ship the header.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VISIBLE __attribute__((visibility("default")))
#define VERSION 1

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void on_exec(unsigned int cpu, void *data);

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb,
						 size_t n);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id,
					   void (*cb)(plugin_id id,
						      struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, on_exec *cb,
					  int flags, void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    on_exec *cb, int flags, void *data);
void qemu_plugin_register_atexit_cb(plugin_id id,
				    void (*cb)(plugin_id id, void *data),
				    void *data);

VISIBLE int qemu_plugin_version = VERSION;

struct block {
	uint64_t	at;
	uint64_t	size;	/* instructions */
	uint64_t	times;
	struct block	*next;
};

static struct block *blocks;
static const char *out;
static bool on;

static void executed(unsigned int cpu, void *data)
{
	struct block *b = data;

	if (on)
		b->times++;
}

static void begins(unsigned int cpu, void *data)
{
	on = true;
}

static void ends(unsigned int cpu, void *data)
{
	on = false;
}

static void look_for_marks(const struct qemu_plugin_tb *tb, size_t size)
{
	static const uint8_t begin[] = { 0x0f, 0x1f, 0x80, 0x4b, 0x42, 0x45, 0x47 };
	static const uint8_t end[] = { 0x0f, 0x1f, 0x80, 0x4b, 0x45, 0x4e, 0x44 };
	struct qemu_plugin_insn *insn;
	const void *bytes;
	size_t i;

	for (i = 0; i < size; i++) {
		insn = qemu_plugin_tb_get_insn(tb, i);
		if (qemu_plugin_insn_size(insn) != sizeof(begin))
			continue;
		bytes = qemu_plugin_insn_data(insn);
		if (!memcmp(bytes, begin, sizeof(begin)))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, begins, 0, NULL);
		if (!memcmp(bytes, end, sizeof(end)))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, ends, 0, NULL);
	}
}

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
	struct block *b = calloc(1, sizeof(*b));

	if (!b)
		abort();
	b->at = qemu_plugin_tb_vaddr(tb);
	b->size = qemu_plugin_tb_n_insns(tb);
	b->next = blocks;
	blocks = b;
	look_for_marks(tb, b->size);
	qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, 0, b);
}

static void write_out(plugin_id id, void *data)
{
	FILE *file = fopen(out, "w");
	struct block *b;

	if (!file)
		return;
	for (b = blocks; b; b = b->next)
		if (b->times)
			fprintf(file, "%llx %llu\n", (unsigned long long)b->at,
				(unsigned long long)(b->times * b->size));
	fclose(file);
}

VISIBLE int qemu_plugin_install(plugin_id id, const void *info, int argc,
				char **argv)
{
	if (argc != 1 || strncmp(argv[0], "out=", 4))
		return 1;
	out = strdup(argv[0] + 4);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, write_out, NULL);
	return 0;
}
