/*
 * The zoned image format: find out what an image holds
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bitmap.h"
#include "qemu/error-report.h"
#include "qemu/memalign.h"
#include "block/block_int.h"
#include "trace.h"
#include "zoned-load.h"

/* How many blocks of the table are read at once */
#define LOAD_BLOCKS 256

/* From here on: headers */

/* Returns as in ZonedFound */
static int read_header(BdrvChild *file, int copy, ZonedHeader *h, Error **errp)
{
    uint8_t *buf = qemu_blockalign(file->bs, ZONED_BLOCK_SIZE);
    int ret;

    ret = bdrv_pread(file, zoned_header_offset(copy), ZONED_BLOCK_SIZE, buf, 0);
    if (ret < 0) {
        error_setg_errno(errp, -ret,
                         "Could not read the header of the zoned image");
    } else {
        ret = zoned_header_decode(h, buf, errp);
    }
    qemu_vfree(buf);
    return ret;
}

static int read_root(BdrvChild *file, const ZonedHeader *h, int copy,
                     ZonedRoot *root, uint8_t *buf)
{
    int ret = bdrv_pread(file, zoned_root_offset(copy), ZONED_BLOCK_SIZE, buf,
                         0);

    return ret < 0 ? ret : zoned_root_decode(h, root, buf) ? 0 : -EINVAL;
}

/* Whether a root of the image that @h describes is in the file */
static bool has_root(BdrvChild *file, const ZonedHeader *h)
{
    g_autofree ZonedRoot *root = g_new(ZonedRoot, 1);
    uint8_t *buf = qemu_blockalign(file->bs, ZONED_BLOCK_SIZE);
    bool found = read_root(file, h, 0, root, buf) == 0 ||
                 read_root(file, h, 1, root, buf) == 0;

    qemu_vfree(buf);
    return found;
}

bool zoned_headers_are_equal(const ZonedHeader *a, const ZonedHeader *b)
{
    uint8_t x[ZONED_BLOCK_SIZE], y[ZONED_BLOCK_SIZE];

    zoned_header_encode(a, x);
    zoned_header_encode(b, y);
    return !memcmp(x, y, sizeof(x));
}

/*
 * Both headers are intact.  One that somebody has put there from another image
 * has no root.
 */
static int choose_header(ZonedFound *f, BdrvChild *file, const ZonedHeader *h)
{
    f->headers_differ = !zoned_headers_are_equal(&h[0], &h[1]);
    f->ids_differ = !qemu_uuid_is_equal(&h[0].id, &h[1].id);
    if (f->ids_differ) {
        bool first = has_root(file, &h[0]);
        bool second = has_root(file, &h[1]);

        f->header_unsure = first == second;
        return !first && second;
    }
    return h[1].revision > h[0].revision;
}

int zoned_load_header(ZonedMeta *m, ZonedFound *f, Error **errp)
{
    ZonedHeader h[ZONED_COPIES];
    int copy, ret;

    for (copy = 0; copy < ZONED_COPIES; copy++) {
        f->headers[copy] = read_header(m->file, copy, &h[copy],
                                       &f->header_errors[copy]);
    }
    if (f->headers[0] == -ENOTSUP || f->headers[1] == -ENOTSUP) {
        copy = f->headers[0] != -ENOTSUP;
    } else if (f->headers[0] && f->headers[1]) {
        /* One that cannot be read may be good */
        copy = f->headers[0] == -EINVAL && f->headers[1] != -EINVAL;
    } else {
        copy = f->headers[0] ? 1 : f->headers[1] ? 0 :
               choose_header(f, m->file, h);
    }
    ret = f->headers[copy];
    if (ret < 0) {
        error_propagate(errp, error_copy(f->header_errors[copy]));
    } else {
        f->header_copy = copy;
        m->header = h[copy];
    }
    return ret;
}

/* From here on: roots, and the data that they may be ahead of */

/* The newest root that is intact.  Returns its copy, or -1. */
static int choose_root(ZonedFound *f, const ZonedRoot *roots)
{
    if (f->roots[0] && f->roots[1]) {
        return -1;
    }
    if (f->roots[0] || f->roots[1]) {
        return f->roots[0] != 0;
    }
    f->roots_agree = roots[0].generation == roots[1].generation;
    return zoned_root_is_newer(&roots[1], &roots[0]);
}

/* A read error, not one of damage */
static bool is_unreadable(int ret)
{
    return ret < 0 && ret != -EINVAL && ret != -ENOTSUP;
}

/*
 * There is no root.  If one cannot be read, it may be good: a repair must not
 * make up another one.
 */
static int lose_root(ZonedFound *f, Error **errp)
{
    int copy;

    f->root_lost = true;
    for (copy = 0; copy < ZONED_COPIES; copy++) {
        if (is_unreadable(f->roots[copy])) {
            error_setg_errno(errp, -f->roots[copy], "Could not read the zone "
                             "table's root");
            return f->roots[copy];
        }
    }
    if (f->repair) {
        return 0;
    }
    error_setg(errp, "Both copies of the zone table's root are damaged");
    return -EINVAL;
}

static int load_root(ZonedMeta *m, ZonedFound *f, Error **errp)
{
    g_autofree ZonedRoot *roots = g_new(ZonedRoot, ZONED_COPIES);
    uint8_t *buf[ZONED_COPIES];
    int copy, ret = 0;

    for (copy = 0; copy < ZONED_COPIES; copy++) {
        buf[copy] = qemu_blockalign(m->file->bs, ZONED_BLOCK_SIZE);
        f->roots[copy] = read_root(m->file, &m->header, copy, &roots[copy],
                                   buf[copy]);
    }
    copy = choose_root(f, roots);
    if (copy < 0) {
        ret = lose_root(f, errp);
    } else {
        m->root = roots[copy];
        m->root_copy = copy;
        f->root_block = g_steal_pointer(&buf[copy]);
        f->nr_deltas = m->root.nr_deltas;
        memcpy(f->deltas, m->root.deltas, sizeof(f->deltas));
    }
    qemu_vfree(buf[0]);
    qemu_vfree(buf[1]);
    return ret;
}

/* Read the new data of delta @n of the root, and see whether it is right */
static ZonedDeltaState verify_delta(ZonedMeta *m, ZonedFound *f, uint32_t n)
{
    const ZonedDelta *d = &f->deltas[n];
    uint8_t *buf;

    if (!d->summed) {
        return ZONED_DELTA_DURABLE;
    }
    buf = qemu_blockalign(m->file->bs, d->summed);
    if (bdrv_pread(m->file, zoned_delta_offset(m, d), d->summed, buf, 0) < 0) {
        qemu_vfree(buf);
        return ZONED_DELTA_UNREADABLE;
    }
    if (!zoned_datasum_matches(m->header.datasum_key, d->sum, buf, d->summed)) {
        qemu_vfree(buf);
        return ZONED_DELTA_MISSING;
    }
    f->data[n] = buf;
    return ZONED_DELTA_THERE;
}

/*
 * If new data of one zone is missing, the commit has not ended, and nothing of
 * it was promised.  It is given up as a whole: a zone that it opened may have
 * needed the resources of one that it filled.
 */
static void give_up_commit(ZonedFound *f)
{
    uint32_t n;

    if (!zoned_found_count(f, ZONED_DELTA_MISSING)) {
        return;
    }
    for (n = 0; n < f->nr_deltas; n++) {
        if (f->states[n] != ZONED_DELTA_DURABLE) {
            f->states[n] = ZONED_DELTA_MISSING;
            qemu_vfree(f->data[n]);
            f->data[n] = NULL;
        }
    }
}

static void verify_deltas(ZonedMeta *m, ZonedFound *f)
{
    uint32_t n;

    for (n = 0; n < f->nr_deltas; n++) {
        f->states[n] = verify_delta(m, f, n);
    }
    give_up_commit(f);
    for (n = 0; n < f->nr_deltas; n++) {
        ZonedDelta *d = &m->root.deltas[n];

        if (f->states[n] == ZONED_DELTA_MISSING ||
            f->states[n] == ZONED_DELTA_UNREADABLE) {
            trace_zoned_delta_cut(m->file->bs, d->zone, d->end, d->summed);
            d->end -= d->summed;
        }
        d->summed = 0;
        d->sum = 0;
    }
}

/* From here on: the table */

static void set_damage_error(ZonedMeta *m, uint32_t block, Error **errp)
{
    uint32_t first = zoned_block_first_zone(block);
    uint32_t last = first + zoned_block_nr_zones(&m->header, block) - 1;

    error_setg(errp, "Block %" PRIu32 " of the zone table is damaged; it "
               "describes zones %" PRIu32 " to %" PRIu32, block, first, last);
}

static bool decode_block(ZonedMeta *m, uint32_t block, const uint8_t *buf)
{
    return zoned_table_decode(&m->header, block,
                              m->entries + zoned_block_first_zone(block),
                              buf, &m->sums[block]);
}

/*
 * Read copy @copy of block @block.  Returns 0, -EINVAL if it is damaged, or the
 * error of the read.
 */
static int read_block(ZonedMeta *m, int copy, uint32_t block, uint8_t *buf)
{
    int ret = bdrv_pread(m->file, zoned_table_offset(&m->header, copy, block),
                         ZONED_BLOCK_SIZE, buf, 0);

    return ret < 0 ? ret : decode_block(m, block, buf) ? 0 : -EINVAL;
}

/*
 * No copy of block @block is good, or none that counts.  What became of its
 * sequential zones is not known: they are fenced off.  Conventional zones have
 * nothing that could be lost.
 */
static void lose_block(ZonedMeta *m, ZonedFound *f, uint32_t block)
{
    uint32_t first = zoned_block_first_zone(block);
    uint32_t i;

    set_bit(block, f->lost);
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
static uint64_t share_out_sum(ZonedMeta *m, ZonedFound *f, uint64_t missing)
{
    uint32_t nr_blocks = m->root.table_blocks;
    uint64_t sum = 0;
    uint64_t b;

    for (b = find_first_bit(f->lost, nr_blocks); b < nr_blocks;
         b = find_next_bit(f->lost, nr_blocks, b + 1)) {
        m->sums[b] = MIN(missing - sum, UINT32_MAX);
        sum += m->sums[b];
    }
    return sum;
}

/*
 * The current copy of block @block is not good, as @ret says.  In a clean image
 * there is another one.  What cannot be read may be good, and is not lost.
 */
static int load_other_copy(ZonedMeta *m, ZonedFound *f, uint32_t block,
                           int ret, uint8_t *buf, Error **errp)
{
    int copy = !zoned_root_copy(&m->root, block);
    int other = m->root.clean ? read_block(m, copy, block, buf) : -EINVAL;

    if (!other) {
        zoned_root_flip(&m->root, block);
        set_bit(block, m->differ);
        return 0;
    }
    ret = is_unreadable(ret) ? ret : other;
    if (is_unreadable(ret)) {
        error_setg_errno(errp, -ret, "Could not read block %" PRIu32 " of the "
                         "zone table", block);
        return ret;
    }
    if (f->repair) {
        lose_block(m, f, block);
        return 0;
    }
    set_damage_error(m, block, errp);
    return -EINVAL;
}

/*
 * @n blocks of the table whose current copy is the same one.  If not all of
 * them can be read at once, they are read one by one.
 */
static int load_run(ZonedMeta *m, ZonedFound *f, uint32_t first, uint32_t n,
                    uint8_t *buf, Error **errp)
{
    int copy = zoned_root_copy(&m->root, first);
    int all = bdrv_pread(m->file, zoned_table_offset(&m->header, copy, first),
                         n * ZONED_BLOCK_SIZE, buf, 0);
    uint32_t i;

    for (i = 0; i < n; i++, buf += ZONED_BLOCK_SIZE) {
        int ret = all;

        if (all >= 0) {
            ret = decode_block(m, first + i, buf) ? 0 : -EINVAL;
        } else if (n > 1) {
            ret = read_block(m, copy, first + i, buf);
        }
        if (ret < 0) {
            ret = load_other_copy(m, f, first + i, ret, buf, errp);
        }
        if (ret < 0) {
            return ret;
        }
    }
    return 0;
}

/*
 * The table is there: add what the root says beyond it.  A zone whose last data
 * cannot be read keeps that, but is read-only as long as the image is not
 * repaired: it needs no resource then, whatever the other zones need.
 */
static void load_deltas(ZonedMeta *m, ZonedFound *f)
{
    uint32_t n;

    for (n = 0; n < m->root.nr_deltas; n++) {
        const ZonedDelta *d = &m->root.deltas[n];
        uint64_t *entry = &m->entries[d->zone];

        if (f->repair && test_bit(zoned_zone_block(d->zone), f->lost)) {
            continue;
        }
        *entry = zoned_entry_extend(*entry, d->end);
        if (f->states[n] == ZONED_DELTA_UNREADABLE && !f->repair) {
            *entry = zoned_entry(BLK_ZS_RDONLY, f->deltas[n].end);
        }
    }
}

static int check_table_sum(ZonedMeta *m, ZonedFound *f, Error **errp)
{
    uint64_t sum = 0;
    uint32_t b;

    for (b = 0; b < m->root.table_blocks; b++) {
        sum += m->sums[b];
    }
    if (f->repair) {
        sum += share_out_sum(m, f, m->root.table_sum - sum);
    }
    if (sum != m->root.table_sum) {
        error_setg(errp, "Zone table is damaged: it is not the one that its "
                   "root names");
        return -EINVAL;
    }
    return 0;
}

static int load_blocks(ZonedMeta *m, ZonedFound *f, Error **errp)
{
    uint32_t nr_blocks = m->root.table_blocks;
    uint8_t *buf = qemu_blockalign(m->file->bs, LOAD_BLOCKS * ZONED_BLOCK_SIZE);
    uint32_t b, n;
    int ret = 0;

    for (b = 0; b < nr_blocks && ret >= 0; b += n) {
        int copy = zoned_root_copy(&m->root, b);

        for (n = 1; n < MIN(LOAD_BLOCKS, nr_blocks - b); n++) {
            if (zoned_root_copy(&m->root, b + n) != copy) {
                break;
            }
        }
        ret = load_run(m, f, b, n, buf, errp);
    }
    qemu_vfree(buf);
    return ret < 0 ? ret : check_table_sum(m, f, errp);
}

/*
 * Without a root: a block is good if it is the same whichever copy counts.
 * Returns how many copies are intact, or the error of a read.
 */
static int load_both_copies(ZonedMeta *m, ZonedFound *f, uint32_t block,
                            uint8_t *buf)
{
    uint8_t *copies[ZONED_COPIES] = { buf, buf + ZONED_BLOCK_SIZE };
    int copy, intact = 0;

    for (copy = 0; copy < ZONED_COPIES; copy++) {
        int ret = read_block(m, copy, block, copies[copy]);

        if (is_unreadable(ret)) {
            return ret;
        }
        intact += !ret;
    }
    if (intact < ZONED_COPIES ||
        memcmp(copies[0], copies[1], ZONED_BLOCK_SIZE)) {
        lose_block(m, f, block);
    }
    return intact;
}

/*
 * What there is of the table without a root, and a root for that.  If there is
 * nothing at all, the header is the only trace of its image, and may have been
 * put here by mistake, over another one.
 */
static int load_without_root(ZonedMeta *m, ZonedFound *f, Error **errp)
{
    uint8_t *buf = qemu_blockalign(m->file->bs,
                                   ZONED_COPIES * ZONED_BLOCK_SIZE);
    bool any = false;
    uint32_t b;
    int ret = 0;

    m->root = (ZonedRoot) {
        .generation = 1,
        .table_blocks = zoned_table_blocks(&m->header),
    };
    m->root_copy = 0;
    for (b = 0; b < m->root.table_blocks && ret >= 0; b++) {
        ret = load_both_copies(m, f, b, buf);
        any = any || ret > 0;
        m->root.table_sum += m->sums[b];
    }
    qemu_vfree(buf);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not read the zone table");
    } else if (!any) {
        error_setg(errp, "there is neither a root nor a block of the zone "
                   "table of the image that copy %d of the header describes",
                   f->header_copy);
        ret = -EINVAL;
    }
    return ret;
}

int zoned_load_table(ZonedMeta *m, ZonedFound *f, Error **errp)
{
    int ret;

    if (f->repair) {
        f->lost = bitmap_new(zoned_table_blocks(&m->header));
    }
    ret = load_root(m, f, errp);
    if (ret < 0) {
        return ret;
    }
    if (f->root_lost) {
        ret = load_without_root(m, f, errp);
        if (ret < 0) {
            return ret;
        }
    } else {
        verify_deltas(m, f);
        ret = load_blocks(m, f, errp);
        if (ret < 0) {
            return ret;
        }
        load_deltas(m, f);
    }
    if (!m->root.clean || !f->roots_agree) {
        /* Which copies are the same, nobody has written down */
        bitmap_set(m->differ, 0, zoned_table_blocks(&m->header));
        m->differ_unsure = true;
    }
    return 0;
}

int zoned_load_zones(ZonedMeta *m, Error **errp)
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

/* From here on: what to say of it */

uint32_t zoned_found_count(const ZonedFound *f, ZonedDeltaState state)
{
    uint32_t i, n = 0;

    for (i = 0; i < f->nr_deltas; i++) {
        n += f->states[i] == state;
    }
    return n;
}

bool zoned_found_certain(const ZonedMeta *m, const ZonedFound *f, Error **errp)
{
    int copy;
    uint32_t n;

    if (f->ids_differ) {
        error_setg(errp, "The two headers are of different zoned images");
        return false;
    }
    for (copy = 0; copy < ZONED_COPIES; copy++) {
        if (is_unreadable(f->roots[copy]) && !m->root.clean) {
            error_setg_errno(errp, -f->roots[copy], "Could not read copy %d of "
                             "the zone table's root, which may be the newer "
                             "one", copy);
            return false;
        }
    }
    for (n = 0; n < f->nr_deltas; n++) {
        if (f->states[n] == ZONED_DELTA_UNREADABLE) {
            error_setg(errp, "Could not read the last %" PRIu32 " bytes of "
                       "zone %" PRIu32 ", which may have been flushed",
                       f->deltas[n].summed, f->deltas[n].zone);
            return false;
        }
    }
    return true;
}

static void warn_of_copy(const ZonedMeta *m, const char *what, int copy,
                         int ret)
{
    warn_report("Node '%s': copy %d of the %s of the zoned image %s; the other "
                "one is used. 'qemu-img check -f zoned -r all' writes it anew",
                bdrv_get_node_name(m->file->bs), copy, what,
                is_unreadable(ret) ? "cannot be read" : "is damaged");
}

void zoned_found_warn(const ZonedMeta *m, const ZonedFound *f)
{
    uint32_t missing = zoned_found_count(f, ZONED_DELTA_MISSING);
    int copy;
    uint32_t n;

    for (copy = 0; copy < ZONED_COPIES; copy++) {
        if (f->headers[copy]) {
            warn_of_copy(m, "header", copy, f->headers[copy]);
        }
        /* In an image that is not clean, the older root may be torn */
        if (f->roots[copy] &&
            (m->root.clean || is_unreadable(f->roots[copy]))) {
            warn_of_copy(m, "zone table's root", copy, f->roots[copy]);
        }
    }
    if (f->headers_differ) {
        warn_report("Node '%s': the two headers of the zoned image are not the "
                    "same; copy %d is used. 'qemu-img check -f zoned -r all' "
                    "writes the other one anew",
                    bdrv_get_node_name(m->file->bs), f->header_copy);
    }
    for (n = 0; n < f->nr_deltas; n++) {
        if (f->states[n] == ZONED_DELTA_UNREADABLE) {
            warn_report("Node '%s': the last %" PRIu32 " bytes of zone "
                        "%" PRIu32 " cannot be read; the zone is read-only",
                        bdrv_get_node_name(m->file->bs), f->deltas[n].summed,
                        f->deltas[n].zone);
        }
    }
    if (missing) {
        warn_report("Node '%s': the last commit to the zoned image was cut "
                    "short by a crash; %" PRIu32 " zones are as they were "
                    "before it", bdrv_get_node_name(m->file->bs), missing);
    }
}

void zoned_found_destroy(ZonedFound *f)
{
    int copy;
    uint32_t n;

    for (copy = 0; copy < ZONED_COPIES; copy++) {
        error_free(f->header_errors[copy]);
        f->header_errors[copy] = NULL;
    }
    for (n = 0; n < ZONED_MAX_DELTAS; n++) {
        qemu_vfree(f->data[n]);
        f->data[n] = NULL;
    }
    qemu_vfree(f->root_block);
    f->root_block = NULL;
    g_free(f->lost);
    f->lost = NULL;
}
