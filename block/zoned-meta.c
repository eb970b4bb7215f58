/*
 * The zoned image format: keep the zone table on the medium
 *
 * The persistence contract (docs/interop/zoned.rst) comes down to this:
 *
 * - Data is written in place.  The table says up to where a zone's data
 *   counts, and is written after the data: at a flush, or before a zone that
 *   was reset is written again.
 * - A block of the table is never overwritten in place: a commit writes the
 *   changed blocks to their other copies, flushes (which also makes the data
 *   durable that they speak of), writes a root that names the current copy of
 *   each block, and flushes again.  Either the old root counts or the new one,
 *   for all zones at once.
 * - Where zones have just more data, the root says that itself, in its tails,
 *   and no block of the table is written.  If it can prove that the data is
 *   there (zoned-proof.c), the first of the two flushes is left out.  The root
 *   before it is right then, if not complete, whatever becomes of the new one.
 * - A root whose write failed may be on the medium or not.  It is written
 *   again, unchanged, before any other metadata.  So is, to its own place, a
 *   root that was found by an open: who wrote it may have been killed before
 *   the flush.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <zlib.h>
#include "qapi/error.h"
#include "qemu/bitmap.h"
#include "qemu/memalign.h"
#include "block/block_int.h"
#include "trace.h"
#include "zoned-meta.h"
#include "zoned-proof.h"

/* How many blocks of the table are read at once */
#define LOAD_BLOCKS 256

static uint64_t copy_offset(uint32_t first_block, int copy)
{
    return (uint64_t)(first_block + copy) * ZONED_BLOCK_SIZE;
}

/* From here on: reading */

int zoned_meta_load_header(BdrvChild *file, ZonedHeader *h, int copy,
                           Error **errp)
{
    uint8_t *buf = qemu_blockalign(file->bs, ZONED_BLOCK_SIZE);
    int ret;

    ret = bdrv_pread(file, copy_offset(ZONED_HEADER_BLOCK, copy),
                     ZONED_BLOCK_SIZE, buf, 0);
    if (ret < 0) {
        error_setg_errno(errp, -ret,
                         "Could not read the header of the zoned image");
    } else {
        ret = zoned_header_decode(h, buf, errp);
    }
    qemu_vfree(buf);
    return ret;
}

/* Read copy @copy of the root; *@intact: whether it is one */
static int read_root(ZonedMeta *m, int copy, ZonedRoot *root, bool *intact,
                     Error **errp)
{
    uint8_t *buf = qemu_blockalign(m->file->bs, ZONED_BLOCK_SIZE);
    int ret;

    ret = bdrv_pread(m->file, copy_offset(ZONED_ROOT_BLOCK, copy),
                     ZONED_BLOCK_SIZE, buf, 0);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not read the zone table's root");
    } else {
        *intact = zoned_root_decode(&m->header, root, buf);
    }
    qemu_vfree(buf);
    return ret;
}

static void use_root(ZonedMeta *m, const ZonedRoot *root, int copy)
{
    m->root = *root;
    m->root_copy = copy;
    m->root_lost = false;
}

static void reject_root(ZonedMeta *m, const ZonedRoot *root)
{
    trace_zoned_root_rejected(m->file->bs, root->generation);
    if (!m->rejected) {
        m->rejected = true;
        m->rejected_generation = root->generation;
    }
}

/* As zoned_proof_holds().  For a rescue, what cannot be read is not there. */
static int proof_holds(ZonedMeta *m, const ZonedRoot *root, Error **errp)
{
    int ret;

    if (root->nr_tails && !m->header.has_tails) {
        error_setg(errp, "Image was not closed by the early version of QEMU "
                   "that wrote it; only that version can open it");
        return -ENOTSUP;
    }
    ret = zoned_proof_holds(m->file, &m->header, root);
    if (ret < 0 && m->lost) {
        m->unreadable = true;
        return 0;
    }
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not read what the zone table's "
                         "root proves");
    }
    return ret;
}

/*
 * Of the roots that are intact, the newest one counts that proves what it has
 * to.  If there is none, it is what the oldest one says without that.
 */
static int choose_root(ZonedMeta *m, const ZonedRoot *roots, const bool *intact,
                       Error **errp)
{
    int first = intact[0] && intact[1] ?
                zoned_root_is_newer(&roots[1], &roots[0]) : !intact[0];
    int n, ret;

    m->root_lost = true;
    for (n = 0; n < ZONED_COPIES; n++) {
        int copy = n ? !first : first;

        if (!intact[copy]) {
            break;
        }
        use_root(m, &roots[copy], copy);
        ret = proof_holds(m, &roots[copy], errp);
        if (ret) {
            return MIN(ret, 0);
        }
        reject_root(m, &roots[copy]);
    }
    if (m->rejected) {
        zoned_proof_cut(&m->root);
    }
    return 0;
}

/*
 * Where the other root is the same, it was written after a flush of the first.
 */
static int load_root(ZonedMeta *m, Error **errp)
{
    ZonedRoot roots[ZONED_COPIES];
    bool intact[ZONED_COPIES];
    int copy, ret;

    m->rejected = false;
    m->unreadable = false;
    m->first_flush = m->header.geometry.conventional_zones;
    for (copy = 0; copy < ZONED_COPIES; copy++) {
        ret = read_root(m, copy, &roots[copy], &intact[copy], errp);
        if (ret < 0) {
            return ret;
        }
    }
    ret = choose_root(m, roots, intact, errp);
    m->root_is_durable = intact[0] && intact[1] && !m->rejected &&
                         roots[0].generation == roots[1].generation;
    if (ret >= 0 && m->root_lost && !m->lost) {
        error_setg(errp, "Both copies of the zone table's root are damaged");
        ret = -EINVAL;
    }
    return ret;
}

static void set_damage_error(ZonedMeta *m, uint32_t block, Error **errp)
{
    uint32_t first = zoned_block_first_zone(block);
    uint32_t last = first + zoned_block_nr_zones(&m->header, block) - 1;

    error_setg(errp, "Block %" PRIu32 " of the zone table is damaged; it "
               "describes zones %" PRIu32 " to %" PRIu32, block, first, last);
}

static bool block_decode(ZonedMeta *m, uint32_t block, const uint8_t *buf)
{
    return zoned_table_decode(&m->header, block,
                              m->entries + zoned_block_first_zone(block),
                              buf, &m->sums[block]);
}

/*
 * No copy of block @block is good, or none that counts.  What became of its
 * sequential zones is not known: they are fenced off.  Conventional zones have
 * nothing that could be lost.
 */
static void lose_block(ZonedMeta *m, uint32_t block)
{
    uint32_t first = zoned_block_first_zone(block);
    uint32_t i;

    set_bit(block, m->lost);
    m->sums[block] = 0;
    for (i = first; i < first + zoned_block_nr_zones(&m->header, block); i++) {
        m->entries[i] = zone_geometry_is_conventional(&m->header.geometry, i) ?
                        0 : zoned_entry(BLK_ZS_OFFLINE, 0);
    }
}

/*
 * The checksums of lost blocks are not known, but what is missing from
 * @table_sum is theirs.  Which block has which part of it makes no difference
 * to a commit that replaces all of them.  Returns the sum of all parts.
 */
static uint64_t share_out_sum(ZonedMeta *m, uint64_t missing)
{
    uint32_t nr_blocks = zoned_table_blocks(&m->header);
    uint64_t sum = 0;
    uint64_t b;

    for (b = find_first_bit(m->lost, nr_blocks); b < nr_blocks;
         b = find_next_bit(m->lost, nr_blocks, b + 1)) {
        m->sums[b] = MIN(missing - sum, UINT32_MAX);
        sum += m->sums[b];
    }
    return sum;
}

/* In a clean image, a block whose current copy is damaged has another one */
static int load_other_copy(ZonedMeta *m, uint32_t block, uint8_t *buf,
                           Error **errp)
{
    int copy = !zoned_root_copy(&m->root, block);
    int ret = 0;

    if (m->root.clean) {
        ret = bdrv_pread(m->file, zoned_table_offset(&m->header, copy, block),
                         ZONED_BLOCK_SIZE, buf, 0);
    }
    if (ret >= 0 && m->root.clean && block_decode(m, block, buf)) {
        zoned_root_flip(&m->root, block);
        return 0;
    }
    if (ret >= 0 && m->lost) {
        lose_block(m, block);
        return 0;
    }
    set_damage_error(m, block, errp);
    return ret < 0 ? ret : -EINVAL;
}

/* Read @n blocks of the table whose current copy is the same one */
static int load_run(ZonedMeta *m, uint32_t first, uint32_t n, uint8_t *buf,
                    Error **errp)
{
    int copy = zoned_root_copy(&m->root, first);
    uint32_t b;
    int ret;

    ret = bdrv_pread(m->file, zoned_table_offset(&m->header, copy, first),
                     n * ZONED_BLOCK_SIZE, buf, 0);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not read the zone table");
        return ret;
    }
    for (b = first; b < first + n; b++, buf += ZONED_BLOCK_SIZE) {
        if (!block_decode(m, b, buf)) {
            ret = load_other_copy(m, b, buf, errp);
            if (ret < 0) {
                return ret;
            }
        }
    }
    return 0;
}

/* The table is there: add what the root says beyond it */
static void apply_tails(ZonedMeta *m)
{
    uint32_t n;

    for (n = 0; n < m->root.nr_tails; n++) {
        const ZonedTail *t = &m->root.tails[n];

        if (!m->lost || !test_bit(zoned_zone_block(t->zone), m->lost)) {
            m->entries[t->zone] = zoned_entry_extend(m->entries[t->zone],
                                                     t->end);
        }
    }
}

static int load_table(ZonedMeta *m, Error **errp)
{
    uint32_t nr_blocks = zoned_table_blocks(&m->header);
    uint8_t *buf = qemu_blockalign(m->file->bs, LOAD_BLOCKS * ZONED_BLOCK_SIZE);
    uint64_t sum = 0;
    uint32_t b, n;
    int ret = 0;

    for (b = 0; b < nr_blocks; b += n) {
        int copy = zoned_root_copy(&m->root, b);

        for (n = 1; n < MIN(LOAD_BLOCKS, nr_blocks - b); n++) {
            if (zoned_root_copy(&m->root, b + n) != copy) {
                break;
            }
        }
        ret = load_run(m, b, n, buf, errp);
        if (ret < 0) {
            goto out;
        }
    }

    for (b = 0; b < nr_blocks; b++) {
        sum += m->sums[b];
    }
    if (m->lost) {
        sum += share_out_sum(m, m->root.table_sum - sum);
    }
    if (sum != m->root.table_sum) {
        error_setg(errp, "Zone table is damaged: it is not the one that its "
                   "root speaks of");
        ret = -EINVAL;
        goto out;
    }
    apply_tails(m);
out:
    qemu_vfree(buf);
    return ret;
}

int zoned_meta_load_zones(ZonedMeta *m, Error **errp)
{
    uint32_t nr_zones = zone_geometry_nr_zones(&m->header.geometry);
    BlockZoneState state;
    uint64_t wp;
    uint32_t i;

    for (i = 0; i < nr_zones; i++) {
        if (!zoned_entry_parse(&m->header, i, m->entries[i], &state, &wp)) {
            error_setg(errp, "Zone table is damaged: zone %" PRIu32 " cannot "
                       "have the entry 0x%" PRIx64, i, m->entries[i]);
            return -EINVAL;
        }
        if (m->entries[i] == 0) {
            continue;
        }
        switch (zone_set_load(m->zones, i, state, wp)) {
        case 0:
            break;
        case -BLK_ZERR_ACTIVE:
            error_setg(errp, "Zone table is damaged: zone %" PRIu32 " is one "
                       "active zone more than max_active_zones, which is "
                       "%" PRIu32, i, m->header.geometry.max_active_zones);
            return -EINVAL;
        default:
            error_setg(errp, "Zone table is damaged: zone %" PRIu32 " cannot "
                       "be %s with %" PRIu64 " bytes written", i,
                       blk_zone_state_name(state), wp);
            return -EINVAL;
        }
    }
    return 0;
}

void zoned_meta_init(ZonedMeta *m)
{
    uint32_t nr_zones = zone_geometry_nr_zones(&m->header.geometry);
    uint32_t nr_blocks = zoned_table_blocks(&m->header);

    m->zones = zone_set_new(&m->header.geometry);
    m->entries = g_new0(uint64_t, nr_zones);
    m->sums = g_new0(uint32_t, nr_blocks);
    m->dirty = bitmap_new(nr_blocks);
    zoned_tally_init(&m->tally);
    qemu_co_mutex_init(&m->lock);
}

/* Without a root: a block is good if it is the same whichever copy counts */
static int load_both_copies(ZonedMeta *m, uint32_t block, uint8_t *buf,
                            Error **errp)
{
    uint32_t sums[ZONED_COPIES];
    bool good = true;
    int copy, ret;

    for (copy = 0; copy < ZONED_COPIES; copy++) {
        ret = bdrv_pread(m->file, zoned_table_offset(&m->header, copy, block),
                         ZONED_BLOCK_SIZE, buf, 0);
        if (ret < 0) {
            error_setg_errno(errp, -ret, "Could not read the zone table");
            return ret;
        }
        good = good && block_decode(m, block, buf);
        sums[copy] = m->sums[block];
    }
    if (!good || sums[0] != sums[1]) {
        lose_block(m, block);
    }
    return 0;
}

/* What there is of the table without a root, and a root for that */
static int load_without_root(ZonedMeta *m, Error **errp)
{
    uint8_t *buf = qemu_blockalign(m->file->bs, ZONED_BLOCK_SIZE);
    uint32_t b;
    int ret = 0;

    m->root = (ZonedRoot) {
        .generation = 1,
    };
    m->root_copy = 0;
    m->root_is_durable = true;
    for (b = 0; b < zoned_table_blocks(&m->header) && ret >= 0; b++) {
        ret = load_both_copies(m, b, buf, errp);
        m->root.table_sum += m->sums[b];
    }
    qemu_vfree(buf);
    return ret;
}

int zoned_meta_load_table(ZonedMeta *m, Error **errp)
{
    int ret = load_root(m, errp);

    if (ret < 0) {
        return ret;
    }
    return m->root_lost ? load_without_root(m, errp) : load_table(m, errp);
}

int zoned_meta_load(ZonedMeta *m, Error **errp)
{
    int ret = zoned_meta_load_table(m, errp);

    return ret < 0 ? ret : zoned_meta_load_zones(m, errp);
}

static void commit_free(ZonedCommit *c)
{
    if (c) {
        g_free(c->blocks);
        g_free(c->sums);
        qemu_vfree(c->buf);
        g_free(c);
    }
}

void zoned_meta_unload(ZonedMeta *m)
{
    commit_free(m->pending);
    zoned_tally_destroy(&m->tally);
    zone_set_free(m->zones);
    g_free(m->entries);
    g_free(m->sums);
    g_free(m->dirty);
    m->pending = NULL;
    m->zones = NULL;
    m->entries = NULL;
    m->sums = NULL;
    m->dirty = NULL;
}

/* From here on: writing */

void zoned_meta_changed(ZonedMeta *m, uint32_t i)
{
    set_bit(zoned_zone_block(i), m->dirty);
}

bool zoned_meta_must_commit(ZonedMeta *m, uint32_t i)
{
    return !m->root_is_durable ||
           zoned_entry_wp(m->entries[i]) > m->done_wp(m->opaque, i);
}

bool zoned_meta_emptied(ZonedMeta *m, uint32_t i, uint64_t wp)
{
    if (m->committing || m->pending || !m->root_is_durable) {
        /* What is on its way may tell of the data, and be there at once */
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

static int write_root_block(ZonedMeta *m, const uint8_t *buf, int copy)
{
    int ret;

    ret = bdrv_pwrite(m->file, copy_offset(ZONED_ROOT_BLOCK, copy),
                      ZONED_BLOCK_SIZE, buf, 0);
    if (ret >= 0) {
        ret = bdrv_flush(m->file->bs);
    }
    if (ret >= 0) {
        m->first_flush = false;
    }
    return ret;
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

/*
 * Write the root that counts to its own place, and flush.  What is written is
 * what is there, so that it cannot be torn; m->root is not the same if
 * load_other_copy() has changed it.
 */
static int rewrite_root(ZonedMeta *m)
{
    uint8_t *buf = qemu_blockalign(m->file->bs, ZONED_BLOCK_SIZE);
    int ret;

    ret = bdrv_pread(m->file, copy_offset(ZONED_ROOT_BLOCK, m->root_copy),
                     ZONED_BLOCK_SIZE, buf, 0);
    if (ret >= 0) {
        ret = write_root_block(m, buf, m->root_copy);
    }
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
    c->root.proof = 0;
    for (n = 0; n < c->root.nr_tails; n++) {
        c->root.tails[n].proven = 0;
    }
    return c;
}

/*
 * What is to be recorded of zone @i as it is now.  It is not called full where
 * its data says that, which can be in a tail.
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

/* A commit that writes all dirty blocks, and no tails */
static ZonedCommit *commit_of_blocks(ZonedMeta *m)
{
    uint32_t nr_blocks = zoned_table_blocks(&m->header);
    ZonedCommit *c;
    uint32_t b, n;

    for (n = 0; n < m->root.nr_tails; n++) {
        zoned_meta_changed(m, m->root.tails[n].zone);
    }
    c = commit_new(m, bitmap_count_one(m->dirty, nr_blocks));
    c->root.nr_tails = 0;
    for (b = next_dirty(m, 0); b < nr_blocks; b = next_dirty(m, b + 1)) {
        commit_add(m, c, b);
    }
    bitmap_zero(m->dirty, nr_blocks);
    return c;
}

/*
 * Let @c have tails of those zones of @block that have more data than before.
 * Returns false if there is another change, or no room for all.
 */
static bool commit_extend(ZonedMeta *m, ZonedCommit *c, uint32_t block)
{
    uint32_t i = zoned_block_first_zone(block);
    uint32_t end = i + zoned_block_nr_zones(&m->header, block);

    for (; i < end; i++) {
        uint64_t entry = current_entry(m, i);
        uint64_t start = zoned_entry_wp(m->entries[i]);
        uint64_t wp = zoned_entry_wp(entry);
        uint32_t sum, proven = 0;

        if (entry == m->entries[i]) {
            continue;
        }
        if (zoned_tally_find(&m->tally, i, start, wp, &sum)) {
            proven = wp - start;
        } else {
            c->proven = false;
        }
        if (!zoned_entry_extends(entry, m->entries[i]) ||
            !zoned_root_set_tail(&m->header, &c->root, i, wp, proven)) {
            return false;
        }
    }
    return true;
}

/* Let the root of @c prove what is new, or nothing if that is not possible */
static void commit_prove(ZonedMeta *m, ZonedCommit *c)
{
    ZonedRoot *r = &c->root;
    uint32_t n;

    for (n = 0; n < r->nr_tails; n++) {
        ZonedTail *t = &r->tails[n];
        uint32_t sum;

        if (!c->proven) {
            t->proven = 0;
        } else if (t->proven) {
            zoned_tally_find(&m->tally, t->zone, t->end - t->proven, t->end,
                             &sum);
            r->proof = crc32_combine(r->proof, sum, t->proven);
        }
    }
}

/*
 * A commit with tails and no blocks.  NULL if something else has changed, or
 * there are too many tails, or this is a rescue: its entries are not what the
 * medium says.
 */
static ZonedCommit *commit_of_tails(ZonedMeta *m)
{
    uint32_t nr_blocks = zoned_table_blocks(&m->header);
    ZonedCommit *c;
    uint32_t b;

    if (m->lost) {
        return NULL;
    }
    c = commit_new(m, 0);
    c->proven = true;
    for (b = next_dirty(m, 0); b < nr_blocks; b = next_dirty(m, b + 1)) {
        if (!commit_extend(m, c, b)) {
            commit_free(c);
            return NULL;
        }
    }
    commit_prove(m, c);
    bitmap_zero(m->dirty, nr_blocks);
    return c;
}

/*
 * Take all that is dirty into a new commit.  From here on changes make blocks
 * dirty again, for the commit after this one.
 */
static ZonedCommit *commit_prepare(ZonedMeta *m)
{
    ZonedCommit *c = commit_of_tails(m) ?: commit_of_blocks(m);

    zoned_tally_restart(&m->tally);
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
    }
    for (n = 0; n < c->root.nr_tails; n++) {
        zoned_meta_changed(m, c->root.tails[n].zone);
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

/*
 * Give the space of the zones of @block back that held data and are empty in
 * @entries.  This is a hint, so errors do not matter.
 */
static void discard_emptied(ZonedMeta *m, uint32_t block,
                            const uint64_t *entries)
{
    const ZoneGeometry *g = &m->header.geometry;
    uint32_t first = zoned_block_first_zone(block);
    uint32_t nr_zones = zoned_block_nr_zones(&m->header, block);
    uint32_t i = 0;

    while (i < nr_zones) {
        uint64_t start = zone_geometry_start(g, first + i);
        uint64_t bytes = 0;

        while (i < nr_zones && is_emptied(m, first + i, entries[i])) {
            bytes += zone_geometry_length(g, first + i);
            i++;
        }
        if (bytes) {
            bdrv_pdiscard(m->file, m->header.data_offset + start, bytes);
        } else {
            i++;
        }
    }
}

/*
 * The root of @c is on the medium.  The discards come before the entries
 * change, because the first write to a zone after its reset waits until its
 * entry says that it is empty.
 */
static void commit_adopt(ZonedMeta *m, ZonedCommit *c)
{
    uint64_t entries[ZONED_ZONES_PER_BLOCK];
    uint32_t n;

    m->root = c->root;
    m->root_copy = !m->root_copy;

    for (n = 0; n < c->nr_blocks; n++) {
        uint32_t block = c->blocks[n];

        zoned_table_entries(&m->header, block, entries,
                            c->buf + (size_t)n * ZONED_BLOCK_SIZE);
        discard_emptied(m, block, entries);
        memcpy(m->entries + zoned_block_first_zone(block), entries,
               zoned_block_nr_zones(&m->header, block) * sizeof(entries[0]));
        m->sums[block] = c->sums[n];
    }
    apply_tails(m);
    commit_free(c);
}

static void trace_commit(ZonedMeta *m, ZonedCommit *c, int ret)
{
    trace_zoned_commit(m->file->bs, c->root.generation, c->nr_blocks,
                       c->root.nr_tails, c->proven, ret);
}

/* Write the root of m->pending, until it is known to be on the medium */
static int commit_finish(ZonedMeta *m)
{
    ZonedCommit *c = m->pending;
    int ret = write_root(m, &c->root, !m->root_copy);

    trace_commit(m, c, ret);
    if (ret < 0) {
        return ret;
    }
    m->pending = NULL;
    commit_adopt(m, c);
    return 0;
}

/*
 * There may be data in conventional zones, of this program or of one that was
 * killed.  A flush that does nothing, since this program has written nothing,
 * would not reach the latter.
 */
static int flush_data(ZonedMeta *m)
{
    return m->first_flush ? rewrite_root(m) : bdrv_flush(m->file->bs);
}

/*
 * The first commit after the image was clean: from now on the two copies of a
 * block may differ.
 */
static int mark_unclean(ZonedMeta *m)
{
    m->pending = commit_new(m, 0);
    return commit_finish(m);
}

/*
 * The newest root on the medium proves what is not there.  It might be later,
 * when the same data is written again: a root that is newer still comes before
 * anything else is written.
 */
static int replace_rejected(ZonedMeta *m)
{
    m->pending = commit_new(m, 0);
    m->pending->root.generation = m->rejected_generation + 1;
    m->rejected = false;
    return commit_finish(m);
}

/*
 * Make the root that was loaded durable, by a flush that does something.  So
 * with the data that it proves: a flush may have failed before this program was
 * started, and a page cache forgets then that the data is not on the medium.
 */
static int confirm_root(ZonedMeta *m)
{
    int ret;

    if (m->rejected) {
        ret = replace_rejected(m);
    } else {
        ret = zoned_proof_rewrite(m->file, &m->header, &m->root);
        ret = ret < 0 ? ret : rewrite_root(m);
    }
    m->root_is_durable = ret >= 0;
    return ret;
}

/* Come to where the root on the medium is known, and will stay */
static int settle_root(ZonedMeta *m)
{
    int ret = 0;

    if (m->pending) {
        ret = commit_finish(m);
        m->root_is_durable = m->root_is_durable || ret >= 0;
    } else if (!m->root_is_durable) {
        ret = confirm_root(m);
    }
    return ret;
}

/* Bring @c to the medium: all that its root does not prove comes before it */
static int commit_run(ZonedMeta *m, ZonedCommit *c)
{
    int ret = commit_write_blocks(m, c);

    if (ret >= 0 && !c->proven) {
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

static int do_commit(ZonedMeta *m)
{
    int ret;

    ret = settle_root(m);
    if (ret < 0) {
        return ret;
    }
    if (!zoned_meta_is_dirty(m)) {
        zoned_tally_restart(&m->tally);
        return flush_data(m);
    }
    if (m->root.clean) {
        ret = mark_unclean(m);
        if (ret < 0) {
            return ret;
        }
    }

    return commit_run(m, commit_prepare(m));
}

int zoned_meta_commit(ZonedMeta *m)
{
    int ret;

    m->committing = true;
    ret = do_commit(m);
    m->committing = false;
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

/* Write the current content of each block of the table to its other copy */
static int settle_table(ZonedMeta *m)
{
    uint32_t nr_blocks = zoned_table_blocks(&m->header);
    uint8_t *buf = qemu_blockalign(m->file->bs, ZONED_BLOCK_SIZE);
    uint32_t b;
    int ret = 0;

    for (b = 0; b < nr_blocks; b++) {
        ret = current_block(m, b, buf);
        if (ret < 0) {
            break;
        }
        ret = bdrv_pwrite(m->file,
                          zoned_table_offset(&m->header,
                                             !zoned_root_copy(&m->root, b), b),
                          ZONED_BLOCK_SIZE, buf, 0);
        if (ret < 0) {
            break;
        }
    }
    qemu_vfree(buf);
    return ret < 0 ? ret : bdrv_flush(m->file->bs);
}

int zoned_meta_settle(ZonedMeta *m)
{
    int ret;

    assert(!zoned_meta_is_dirty(m));
    if (m->root.clean) {
        return 0;
    }
    ret = settle_root(m);
    if (ret >= 0 && m->root.nr_tails) {
        ret = commit_run(m, commit_of_blocks(m));
    }
    if (ret < 0) {
        return ret;
    }
    ret = settle_table(m);
    if (ret < 0) {
        return ret;
    }
    m->pending = commit_new(m, 0);
    m->pending->root.clean = true;
    ret = commit_finish(m);
    if (ret < 0) {
        return ret;
    }
    return write_root(m, &m->root, !m->root_copy);
}
