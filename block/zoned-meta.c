/*
 * The zoned image format: keep the zone table on the medium
 *
 * The persistence contract (docs/interop/zoned.rst) comes down to these
 * invariants, which comments here cite by their numbers:
 *
 * I1. Data is written in place.  A root is written after a flush that has made
 *     all data durable that it adds, or has datasums of that data.
 * I2. A block of the table is never written to its current copy.  It is
 *     durable in the other copy before the root is written that names it.
 * I3. A root is written to the place of the one that does not count.  The one
 *     that counts is durable before that, and so is all that it names.
 * I4. A root whose write or flush failed may be on the medium or not.  Before
 *     any other metadata is written, it is written again, unchanged, and
 *     flushed.
 * I5. A zone is written again only when no root that a crash could bring back
 *     says that it has more data than it has.
 * I6. The two copies of a block outside of @differ are the same, and there is
 *     none in @differ when a clean root is written.
 *
 * A commit takes all zones from one state to the next at once:
 *
 *     full commit   blocks of the table (I2), flush, root, flush
 *     fast commit   [flush,] root with deltas, flush: where zones have just
 *                   more data.  The first flush is left out if the deltas have
 *                   datasums: after a crash those are cut that do not match.
 *
 * The root on the medium, and what takes it from one state to another:
 *
 *            zoned_load_table()
 *                   |
 *                 FOUND ------------ a read-only image stays here
 *                   |
 *          zoned_meta_confirm()      both from the buffers that were verified
 *                   |
 *               CONFIRMED <--------.
 *                   |              |
 *            commit_finish()    commit_finish() once more (I4)
 *            fails  |              |
 *                IN_DOUBT ---------'
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitmap.h"
#include "qemu/memalign.h"
#include "block/block_int.h"
#include "trace.h"
#include "zoned-load.h"

/* How many blocks of the table are read or written at once by a close */
#define MIRROR_BLOCKS 256

static void commit_free(ZonedCommit *c)
{
    if (c) {
        g_free(c->blocks);
        g_free(c->sums);
        qemu_vfree(c->buf);
        g_free(c);
    }
}

void zoned_meta_init(ZonedMeta *m)
{
    uint32_t nr_zones = zone_geometry_nr_zones(&m->header.geometry);
    uint32_t nr_blocks = zoned_table_blocks(&m->header);

    m->zones = zone_set_new(&m->header.geometry);
    m->entries = g_new0(uint64_t, nr_zones);
    m->sums = g_new0(uint32_t, nr_blocks);
    m->dirty = bitmap_new(nr_blocks);
    m->differ = bitmap_new(nr_blocks);
    qemu_co_mutex_init(&m->lock);
}

void zoned_meta_destroy(ZonedMeta *m)
{
    commit_free(m->pending);
    zone_set_free(m->zones);
    g_free(m->entries);
    g_free(m->sums);
    g_free(m->dirty);
    g_free(m->differ);
    m->pending = NULL;
    m->zones = NULL;
    m->entries = NULL;
    m->sums = NULL;
    m->dirty = NULL;
    m->differ = NULL;
}

void coroutine_fn zoned_meta_replace(ZonedMeta *m, ZonedMeta *fresh)
{
    qemu_co_mutex_lock(&m->lock);
    if (m->zones) {
        zone_set_open_again(fresh->zones, m->zones);
    }
    fresh->lock = m->lock;
    zoned_meta_destroy(m);
    *m = *fresh;
    qemu_co_mutex_unlock(&m->lock);
}

void zoned_meta_changed(ZonedMeta *m, uint32_t i)
{
    set_bit(zoned_zone_block(i), m->dirty);
}

bool zoned_meta_emptied(ZonedMeta *m, uint32_t i, uint64_t wp)
{
    if (m->committing || m->pending) {
        /* What is on its way may have the data, and be there at once */
        wp = MAX(wp, zoned_entry_wp(m->entries[i]));
        m->entries[i] = zoned_entry(BLK_ZS_CLOSED, wp);
    }
    zoned_meta_changed(m, i);
    return zoned_entry_wp(m->entries[i]) == 0;
}

bool zoned_meta_is_dirty(ZonedMeta *m)
{
    return m->pending ||
           !bitmap_empty(m->dirty, zoned_table_blocks(&m->header));
}

/* From here on: roots */

static int write_root_block(ZonedMeta *m, const uint8_t *buf, int copy)
{
    int ret = bdrv_pwrite(m->file, zoned_root_offset(copy), ZONED_BLOCK_SIZE,
                          buf, 0);

    return ret < 0 ? ret : bdrv_flush(m->file->bs);
}

/* Write @root into copy @copy of the root, and flush */
static int write_root(ZonedMeta *m, const ZonedRoot *root, int copy)
{
    uint8_t *buf = qemu_blockalign(m->file->bs, ZONED_BLOCK_SIZE);
    int ret;

    zoned_root_encode(&m->header, root, buf);
    ret = write_root_block(m, buf, copy);
    qemu_vfree(buf);
    return ret;
}

static ZonedCommit *commit_new(ZonedMeta *m, uint32_t nr_blocks)
{
    ZonedCommit *c = g_new(ZonedCommit, 1);
    uint32_t n;

    *c = (ZonedCommit) {
        .root = m->root,
        .blocks = g_new(uint32_t, nr_blocks),
        .buf = qemu_blockalign(m->file->bs,
                               (size_t)nr_blocks * ZONED_BLOCK_SIZE),
        .sums = g_new(uint32_t, nr_blocks),
    };
    c->root.generation++;
    c->root.clean = false;
    for (n = 0; n < c->root.nr_deltas; n++) {
        c->root.deltas[n].summed = 0;
        c->root.deltas[n].sum = 0;
    }
    return c;
}

/* From here on: full commits */

/*
 * What is to be recorded of zone @i as it is now.  It is not called full where
 * its data says that, which can be in a delta.
 */
static uint64_t current_entry(ZonedMeta *m, uint32_t i)
{
    BlockZoneState state = zone_set_state(m->zones, i);
    uint64_t wp = m->done_wp(m->opaque, i);

    if (state == BLK_ZS_FULL &&
        wp == zone_geometry_capacity(&m->header.geometry, i)) {
        state = BLK_ZS_CLOSED;
    }
    return zoned_entry(state, wp);
}

/* Add block @block to @c, as the zones are now */
static void commit_add(ZonedMeta *m, ZonedCommit *c, uint32_t block)
{
    uint32_t first = zoned_block_first_zone(block);
    uint32_t nr_zones = zoned_block_nr_zones(&m->header, block);
    uint64_t entries[ZONED_ZONES_PER_BLOCK];
    uint32_t i, n = c->nr_blocks++;

    for (i = 0; i < nr_zones; i++) {
        entries[i] = current_entry(m, first + i);
    }
    c->blocks[n] = block;
    c->sums[n] = zoned_table_encode(&m->header, block, entries,
                                    c->buf + (size_t)n * ZONED_BLOCK_SIZE);
    c->root.table_sum += (uint64_t)c->sums[n] - m->sums[block];
    zoned_root_flip(&c->root, block);
}

/* The next dirty block of the table from @block on, or how many there are */
static uint32_t next_dirty(ZonedMeta *m, uint32_t block)
{
    return find_next_bit(m->dirty, zoned_table_blocks(&m->header), block);
}

/*
 * A commit that writes all dirty blocks, and has no deltas.  Blocks that were
 * never written, since the image has grown, belong to these.
 */
static ZonedCommit *full_commit(ZonedMeta *m)
{
    uint32_t nr_blocks = zoned_table_blocks(&m->header);
    ZonedCommit *c;
    uint32_t b, n;

    for (n = 0; n < m->root.nr_deltas; n++) {
        zoned_meta_changed(m, m->root.deltas[n].zone);
    }
    bitmap_set(m->dirty, m->root.table_blocks,
               nr_blocks - m->root.table_blocks);
    c = commit_new(m, bitmap_count_one(m->dirty, nr_blocks));
    c->root.table_blocks = nr_blocks;
    c->root.nr_deltas = 0;
    for (b = next_dirty(m, 0); b < nr_blocks; b = next_dirty(m, b + 1)) {
        commit_add(m, c, b);
    }
    bitmap_zero(m->dirty, nr_blocks);
    return c;
}

/* From here on: fast commits */

/*
 * Let @c have a delta of zone @i, if the zone has more data than before.
 * Returns false if the zone has changed in another way, or there is no room.
 */
static bool add_delta(ZonedMeta *m, ZonedCommit *c, uint32_t i)
{
    uint64_t entry = current_entry(m, i);
    uint64_t start = zoned_entry_wp(m->entries[i]);
    ZonedDelta d = {
        .zone = i,
        .end = zoned_entry_wp(entry),
    };

    if (entry == m->entries[i]) {
        return true;
    }
    if (!zoned_entry_extends(entry, m->entries[i])) {
        return false;
    }
    if (zoned_datasums_find(m->datasums, i, start, d.end, &d.sum)) {
        d.summed = d.end - start;
    } else {
        c->summed = false;
    }
    return zoned_root_set_delta(&c->root, &d);
}

static bool add_deltas(ZonedMeta *m, ZonedCommit *c)
{
    uint32_t nr_blocks = zoned_table_blocks(&m->header);
    uint32_t b, i;

    for (b = next_dirty(m, 0); b < nr_blocks; b = next_dirty(m, b + 1)) {
        uint32_t first = zoned_block_first_zone(b);

        for (i = 0; i < zoned_block_nr_zones(&m->header, b); i++) {
            if (!add_delta(m, c, first + i)) {
                return false;
            }
        }
    }
    return true;
}

/*
 * A commit with deltas and no blocks.  NULL if something else has changed, or
 * there are too many deltas, or this is a repair: its entries are not what the
 * medium says.
 */
static ZonedCommit *fast_commit(ZonedMeta *m)
{
    ZonedCommit *c;
    uint32_t n;

    if (!m->datasums) {
        return NULL;
    }
    c = commit_new(m, 0);
    c->summed = true;
    if (!add_deltas(m, c)) {
        commit_free(c);
        return NULL;
    }
    for (n = 0; n < c->root.nr_deltas && !c->summed; n++) {
        /* A flush comes before the root, so that none needs its datasum (I1) */
        c->root.deltas[n].summed = 0;
        c->root.deltas[n].sum = 0;
    }
    bitmap_zero(m->dirty, zoned_table_blocks(&m->header));
    return c;
}

/* From here on: from the commit to the medium */

/*
 * Take all that is dirty into a new commit.  From here on changes make blocks
 * dirty again, for the commit after this one.
 */
static ZonedCommit *commit_prepare(ZonedMeta *m)
{
    ZonedCommit *c = fast_commit(m) ?: full_commit(m);

    if (m->datasums) {
        zoned_datasums_restart(m->datasums);
    }
    return c;
}

static uint64_t commit_block_offset(ZonedMeta *m, ZonedCommit *c, uint32_t n)
{
    uint32_t block = c->blocks[n];

    return zoned_table_offset(&m->header, zoned_root_copy(&c->root, block),
                              block);
}

/* Write the blocks of @c, neighbours at once, to the copies that it names */
static int commit_write_blocks(ZonedMeta *m, ZonedCommit *c)
{
    uint32_t n, run;
    int ret;

    for (n = 0; n < c->nr_blocks; n += run) {
        uint64_t offset = commit_block_offset(m, c, n);

        run = 1;
        while (n + run < c->nr_blocks && commit_block_offset(m, c, n + run) ==
                                         offset + run * ZONED_BLOCK_SIZE) {
            run++;
        }
        ret = bdrv_pwrite(m->file, offset, (int64_t)run * ZONED_BLOCK_SIZE,
                          c->buf + (size_t)n * ZONED_BLOCK_SIZE, 0);
        if (ret < 0) {
            return ret;
        }
    }
    return 0;
}

/* Its root has not been written: as if there had been no commit */
static void commit_abort(ZonedMeta *m, ZonedCommit *c)
{
    uint32_t n;

    for (n = 0; n < c->nr_blocks; n++) {
        set_bit(c->blocks[n], m->dirty);
        set_bit(c->blocks[n], m->differ);
    }
    for (n = 0; n < c->root.nr_deltas; n++) {
        zoned_meta_changed(m, c->root.deltas[n].zone);
    }
    commit_free(c);
}

/*
 * Whether a zone can be discarded that is going to have entry @new.  A root
 * that was in doubt for a while may not know of what was written meanwhile.
 */
static bool is_emptied(ZonedMeta *m, uint32_t zone, uint64_t new)
{
    return new == 0 && zoned_entry_wp(m->entries[zone]) &&
           m->done_wp(m->opaque, zone) == 0;
}

/* The medium has @entries for block @block of the table now */
static void adopt_entries(ZonedMeta *m, uint32_t block, const uint64_t *entries)
{
    uint32_t first = zoned_block_first_zone(block);
    uint32_t i;

    for (i = 0; i < zoned_block_nr_zones(&m->header, block); i++) {
        if (m->discards && is_emptied(m, first + i, entries[i])) {
            zoned_discards_add(m->discards, first + i);
        }
        m->entries[first + i] = entries[i];
    }
}

/* The root of @c is on the medium */
static void commit_adopt(ZonedMeta *m, ZonedCommit *c)
{
    uint64_t entries[ZONED_ZONES_PER_BLOCK];
    uint32_t n;

    m->root = c->root;
    m->root_copy = !m->root_copy;
    m->root_state = ZONED_ROOT_CONFIRMED;

    for (n = 0; n < c->nr_blocks; n++) {
        zoned_table_entries(&m->header, c->blocks[n], entries,
                            c->buf + (size_t)n * ZONED_BLOCK_SIZE);
        adopt_entries(m, c->blocks[n], entries);
        m->sums[c->blocks[n]] = c->sums[n];
        set_bit(c->blocks[n], m->differ);
    }
    for (n = 0; n < m->root.nr_deltas; n++) {
        const ZonedDelta *d = &m->root.deltas[n];

        m->entries[d->zone] = zoned_entry_extend(m->entries[d->zone], d->end);
    }
    commit_free(c);
}

static void trace_commit(ZonedMeta *m, ZonedCommit *c, int ret)
{
    trace_zoned_commit(m->file->bs, c->root.generation, c->nr_blocks,
                       c->root.nr_deltas, c->summed, ret);
}

/* Write the root of m->pending, until it is known to be on the medium (I4) */
static int commit_finish(ZonedMeta *m)
{
    ZonedCommit *c = m->pending;
    int ret = write_root(m, &c->root, !m->root_copy);

    trace_commit(m, c, ret);
    if (ret < 0) {
        m->root_state = ZONED_ROOT_IN_DOUBT;
        return ret;
    }
    m->pending = NULL;
    commit_adopt(m, c);
    return 0;
}

/* Bring @c to the medium: all that its root has no datasum of comes before */
static int commit_run(ZonedMeta *m, ZonedCommit *c)
{
    int ret = commit_write_blocks(m, c);

    if (ret >= 0 && !c->summed) {
        ret = bdrv_flush(m->file->bs);
    }
    if (ret < 0) {
        trace_commit(m, c, ret);
        commit_abort(m, c);
        return ret;
    }
    m->pending = c;
    return commit_finish(m);
}

/* A root with nothing new, not clean, and a generation of @generation */
static int next_root(ZonedMeta *m, uint64_t generation)
{
    m->pending = commit_new(m, 0);
    m->pending->root.generation = generation;
    return commit_finish(m);
}

int zoned_meta_leave_clean(ZonedMeta *m)
{
    assert(m->root_state == ZONED_ROOT_CONFIRMED);
    return m->root.clean ? next_root(m, m->root.generation + 1) : 0;
}

static int do_commit(ZonedMeta *m)
{
    uint64_t number;
    int ret = 0;

    assert(m->root_state != ZONED_ROOT_FOUND);
    if (m->pending) {
        ret = commit_finish(m);
    }
    if (ret >= 0 && zoned_meta_is_dirty(m)) {
        ret = zoned_meta_leave_clean(m);
    }
    if (ret < 0) {
        return ret;
    }
    /* All that has changed until now is in this one */
    number = ++m->begun;
    if (zoned_meta_is_dirty(m)) {
        ret = commit_run(m, commit_prepare(m));
    } else {
        ret = bdrv_flush(m->file->bs);
    }
    if (ret >= 0) {
        m->done = number;
    }
    return ret;
}

/* With the lock held */
static int commit_locked(ZonedMeta *m)
{
    int ret;

    m->committing = true;
    ret = do_commit(m);
    m->committing = false;
    return ret;
}

int coroutine_fn zoned_meta_commit(ZonedMeta *m)
{
    uint64_t wanted = m->begun + 1;
    int ret = 0;

    qemu_co_mutex_lock(&m->lock);
    if (m->done < wanted) {
        ret = commit_locked(m);
    }
    qemu_co_mutex_unlock(&m->lock);
    return ret;
}

/* Whether I5 forbids to write zone @i */
static bool must_commit(ZonedMeta *m, uint32_t i)
{
    return zoned_entry_wp(m->entries[i]) > m->done_wp(m->opaque, i);
}

int coroutine_fn zoned_meta_before_write(ZonedMeta *m, uint32_t i)
{
    int ret = 0;

    if (!must_commit(m, i)) {
        return 0;
    }
    qemu_co_mutex_lock(&m->lock);
    if (must_commit(m, i)) {
        ret = commit_locked(m);
    }
    qemu_co_mutex_unlock(&m->lock);
    return ret;
}

/* From here on: an image is taken over, and given back */

/* The data that was verified, as it was read */
static int rewrite_data(ZonedMeta *m, const ZonedFound *f)
{
    uint32_t n;
    int ret = 0;

    for (n = 0; n < f->nr_deltas && ret >= 0; n++) {
        const ZonedDelta *d = &f->deltas[n];

        if (f->data[n]) {
            ret = bdrv_pwrite(m->file, zoned_delta_offset(m, d), d->summed,
                              f->data[n], 0);
        }
    }
    return ret;
}

/*
 * The program that wrote the root may have been killed before its flush, or the
 * flush failed and left data in a page cache that takes it for written.  So
 * both are written again, and flushed.  Where both roots are the same, that
 * was done before the second one was written.
 *
 * Whatever the roots are, data in conventional zones may not be durable yet.  A
 * flush that has no write before it would not reach the medium.
 *
 * New data that is missing now might be there later, when the same data is
 * written again.  A newer root, which does not know of it, comes before that.
 */
int zoned_meta_confirm(ZonedMeta *m, const ZonedFound *f)
{
    int ret = 0;

    if (!f->root_lost &&
        (!f->roots_agree || m->header.geometry.conventional_zones)) {
        ret = rewrite_data(m, f);
        if (ret >= 0) {
            ret = write_root_block(m, f->root_block, m->root_copy);
        }
    }
    if (ret < 0) {
        return ret;
    }
    m->root_state = ZONED_ROOT_CONFIRMED;
    if (zoned_found_count(f, ZONED_DELTA_MISSING) ||
        zoned_found_count(f, ZONED_DELTA_UNREADABLE)) {
        ret = next_root(m, m->root.generation + 1);
    }
    return ret;
}

/*
 * Block @block of the table as it is on the medium, into @buf.  If that is not
 * what is made of its entries, there are fields in it that are not known here,
 * and that its checksum covers.
 */
static int current_block(ZonedMeta *m, uint32_t block, uint8_t *buf)
{
    uint64_t *entries = m->entries + zoned_block_first_zone(block);
    int copy = zoned_root_copy(&m->root, block);

    if (zoned_table_encode(&m->header, block, entries, buf) == m->sums[block]) {
        return 0;
    }
    return bdrv_pread(m->file, zoned_table_offset(&m->header, copy, block),
                      ZONED_BLOCK_SIZE, buf, 0);
}

/* How many blocks from @block on differ, and lack the same copy, up to @max */
static uint32_t run_to_mirror(ZonedMeta *m, uint32_t block, uint32_t max)
{
    uint32_t nr_blocks = zoned_table_blocks(&m->header);
    int copy = zoned_root_copy(&m->root, block);
    uint32_t n = 1;

    while (n < max && block + n < nr_blocks && test_bit(block + n, m->differ) &&
           zoned_root_copy(&m->root, block + n) == copy) {
        n++;
    }
    return n;
}

static uint32_t next_to_mirror(ZonedMeta *m, uint32_t block)
{
    return find_next_bit(m->differ, zoned_table_blocks(&m->header), block);
}

/* Find out which copies differ, as a crash has left the image */
static void compare_copies(ZonedMeta *m)
{
    uint32_t nr_blocks = zoned_table_blocks(&m->header);
    uint8_t *buf = qemu_blockalign(m->file->bs,
                                   MIRROR_BLOCKS * ZONED_BLOCK_SIZE);
    uint8_t *current = qemu_blockalign(m->file->bs, ZONED_BLOCK_SIZE);
    uint32_t b, i, n;

    for (b = next_to_mirror(m, 0); b < nr_blocks;
         b = next_to_mirror(m, b + n)) {
        int copy = !zoned_root_copy(&m->root, b);

        n = run_to_mirror(m, b, MIRROR_BLOCKS);
        if (bdrv_pread(m->file, zoned_table_offset(&m->header, copy, b),
                       n * ZONED_BLOCK_SIZE, buf, 0) < 0) {
            /* They are written, then */
            continue;
        }
        for (i = 0; i < n; i++) {
            if (current_block(m, b + i, current) >= 0 &&
                !memcmp(current, buf + i * ZONED_BLOCK_SIZE,
                        ZONED_BLOCK_SIZE)) {
                clear_bit(b + i, m->differ);
            }
        }
    }
    qemu_vfree(current);
    qemu_vfree(buf);
    m->differ_unsure = false;
}

static int mirror_run(ZonedMeta *m, uint32_t block, uint32_t n, uint8_t *buf)
{
    int copy = !zoned_root_copy(&m->root, block);
    uint32_t i;

    for (i = 0; i < n; i++) {
        int ret = current_block(m, block + i, buf + i * ZONED_BLOCK_SIZE);

        if (ret < 0) {
            return ret;
        }
    }
    return bdrv_pwrite(m->file, zoned_table_offset(&m->header, copy, block),
                       n * ZONED_BLOCK_SIZE, buf, 0);
}

/* Write the current content of each block of the table to its other copy */
static int mirror_table(ZonedMeta *m)
{
    uint32_t nr_blocks = zoned_table_blocks(&m->header);
    uint8_t *buf = qemu_blockalign(m->file->bs,
                                   MIRROR_BLOCKS * ZONED_BLOCK_SIZE);
    uint32_t b, n;
    int ret = 0;

    if (m->differ_unsure) {
        compare_copies(m);
    }
    for (b = next_to_mirror(m, 0); b < nr_blocks && ret >= 0;
         b = next_to_mirror(m, b + n)) {
        n = run_to_mirror(m, b, MIRROR_BLOCKS);
        ret = mirror_run(m, b, n, buf);
    }
    qemu_vfree(buf);
    if (ret >= 0) {
        ret = bdrv_flush(m->file->bs);
    }
    if (ret >= 0) {
        bitmap_zero(m->differ, nr_blocks);
    }
    return ret;
}

int zoned_meta_close_clean(ZonedMeta *m)
{
    int ret = 0;

    if (m->root.clean) {
        return 0;
    }
    if (m->pending) {
        ret = commit_finish(m);
    }
    assert(ret < 0 || !zoned_meta_is_dirty(m));
    if (ret >= 0 && (m->root.nr_deltas ||
                     m->root.table_blocks < zoned_table_blocks(&m->header))) {
        ret = commit_run(m, full_commit(m));
    }
    if (ret >= 0) {
        ret = mirror_table(m);
    }
    if (ret < 0) {
        return ret;
    }
    m->pending = commit_new(m, 0);
    m->pending->root.clean = true;
    ret = commit_finish(m);
    return ret < 0 ? ret : write_root(m, &m->root, !m->root_copy);
}
