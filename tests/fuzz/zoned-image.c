/*
 * Fuzzing: check, repair, open and use an image of the zoned format that may
 * be damaged or forged
 *
 * Whatever the image is, nothing crashes, and what is known of all images
 * holds: zones are in states that there are, within their limits; what is
 * written can be read, and outlives a close; an image that a check calls good,
 * or has repaired, can be opened.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qemu/cutils.h"
#include "qemu/main-loop.h"
#include "qemu/module.h"
#include "block/block.h"
#include "block/zone.h"
#include "sysemu/block-backend.h"
#include "fuzzer.h"
#include "image.h"

#define MAX_COMMANDS 64
#define MAX_BYTES    (256 * KiB)

/*
 * An image that is in use.
 *
 * @zones: as the last report was
 * @failed: a request to the node below has failed
 */
typedef struct Disk {
    Memory *memory;
    BlockBackend *blk;
    uint32_t nr_zones;
    BlockZoneDescriptor *zones;
    bool failed;
} Disk;

static BlockBackend *open_image(Memory *m, int flags)
{
    BlockDriverState *bs = memory_open(m, "memory");
    QDict *options = qdict_new();
    BlockBackend *blk;

    qdict_put_str(options, "driver", "zoned");
    qdict_put_str(options, "file", "memory");
    blk = blk_new_open(NULL, NULL, options, flags, NULL);
    bdrv_unref(bs);
    return blk;
}

/*
 * Check
 */

static bool is_good(const BdrvCheckResult *r)
{
    return !r->corruptions && !r->check_errors && !r->leaks;
}

static BdrvCheckResult check(BlockBackend *blk, BdrvCheckMode fix)
{
    BdrvCheckResult result = { 0 };
    int ret = bdrv_check(blk_bs(blk), &result, fix);

    g_assert_cmpint(ret, ==, 0);
    return result;
}

/* Returns whether the image is good, perhaps after a repair */
static bool check_image(Memory *m, bool repair)
{
    BlockBackend *blk = open_image(m, repair ? BDRV_O_CHECK | BDRV_O_RDWR
                                             : BDRV_O_CHECK);
    BdrvCheckResult before, after;

    if (!blk) {
        return false;
    }
    before = check(blk, 0);
    after = check(blk, repair ? BDRV_FIX_ERRORS : 0);
    g_assert_cmpint(before.corruptions, ==,
                    after.corruptions + after.corruptions_fixed);
    if (repair) {
        /* All or nothing, and what is repaired stays so */
        g_assert(!after.corruptions || !after.corruptions_fixed);
        before = check(blk, 0);
        g_assert_cmpint(before.corruptions, ==, after.corruptions);
    }
    blk_unref(blk);
    return is_good(&after);
}

/*
 * Zones
 */

static void assert_zone(Disk *d, const BlockZoneDescriptor *z, uint64_t start)
{
    g_assert_cmpuint(z->start, ==, start);
    g_assert_cmpuint(z->cap, <=, z->length);
    g_assert_cmpuint(z->cap, >, 0);
    g_assert_cmpuint(z->wp, >=, z->start);
    switch (z->state) {
    case BLK_ZS_EMPTY:
        g_assert_cmpuint(z->wp, ==, z->start);
        break;
    case BLK_ZS_CLOSED:
        g_assert_cmpuint(z->wp, >, z->start);
        /* fall through */
    case BLK_ZS_IOPEN:
    case BLK_ZS_EOPEN:
        g_assert_cmpuint(z->wp - z->start, <, z->cap);
        break;
    default:
        g_assert_nonnull(blk_zone_state_name(z->state));
        g_assert_cmpuint(z->wp, ==, z->start + z->length);
        break;
    }
}

/* Look at all zones; there must be no more of a kind than there may be */
static void report(Disk *d)
{
    uint32_t max_open = blk_get_max_open_zones(d->blk);
    uint32_t max_active = blk_get_max_active_zones(d->blk);
    uint32_t open = 0, active = 0;
    uint32_t i, n = d->nr_zones;
    uint64_t start = 0;

    g_assert_cmpint(blk_zone_report(d->blk, 0, &n, d->zones), ==, 0);
    g_assert_cmpuint(n, ==, d->nr_zones);
    for (i = 0; i < n; i++) {
        bool is_open = d->zones[i].state == BLK_ZS_IOPEN ||
                       d->zones[i].state == BLK_ZS_EOPEN;

        assert_zone(d, &d->zones[i], start);
        start += d->zones[i].length;
        open += is_open;
        active += is_open || d->zones[i].state == BLK_ZS_CLOSED;
    }
    g_assert_cmpuint(start, ==, blk_getlength(d->blk));
    g_assert(!max_open || open <= max_open);
    g_assert(!max_active || active <= max_active);
}

/* What the zone is after a power cycle */
static BlockZoneState state_after_close(const BlockZoneDescriptor *z)
{
    if (z->state == BLK_ZS_IOPEN || z->state == BLK_ZS_EOPEN) {
        return z->wp == z->start ? BLK_ZS_EMPTY : BLK_ZS_CLOSED;
    }
    return z->state;
}

/*
 * Requests
 */

static void fill(uint8_t *data, uint64_t offset, size_t bytes)
{
    size_t i;

    for (i = 0; i < bytes; i++) {
        data[i] = 1 + (offset + i) % 251;
    }
}

/* The data that was written is there, and above it there is nothing */
static void assert_written(Disk *d, uint64_t offset, size_t bytes,
                           const uint8_t *data)
{
    uint64_t zone_size = blk_get_zone_size(d->blk);
    uint64_t end = offset + bytes;
    uint64_t zone_end = MIN(QEMU_ALIGN_UP(end, zone_size),
                            blk_getlength(d->blk));
    size_t rest = MIN(zone_end - end, MAX_BYTES);
    g_autofree uint8_t *back = g_malloc(bytes + rest);
    size_t i;

    g_assert_cmpint(blk_pread(d->blk, offset, bytes + rest, back, 0), ==, 0);
    g_assert(!memcmp(back, data, bytes));
    if (d->zones[offset / zone_size].type == BLK_ZT_CONV) {
        return;
    }
    for (i = bytes; i < bytes + rest; i++) {
        g_assert_cmpuint(back[i], ==, 0);
    }
}

static int write_at(Disk *d, int64_t *offset, size_t bytes, bool append)
{
    g_autofree uint8_t *data = g_malloc(bytes);
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, data, bytes);
    int ret;

    fill(data, *offset, bytes);
    ret = append ? blk_zone_append(d->blk, offset, &qiov, 0)
                 : blk_pwrite(d->blk, *offset, bytes, data, 0);
    if (ret >= 0 && bytes) {
        assert_written(d, *offset, bytes, data);
    }
    return ret;
}

/* Most writes are where they should be */
static int run_write(Disk *d, Input *in, const BlockZoneDescriptor *z)
{
    uint32_t granule = blk_get_write_granularity(d->blk);
    uint32_t how = input_take(in, 1);
    size_t bytes = MIN((how >> 4) * granule, MAX_BYTES);
    int64_t offset = z->wp;

    if (z->state == BLK_ZS_NOT_WP || z->wp >= z->start + z->length) {
        offset = z->start;
    }
    switch (how % 8) {
    case 0:
        offset += granule;
        break;
    case 1:
        bytes += BDRV_SECTOR_SIZE;
        break;
    case 2:
        return blk_pwrite_zeroes(d->blk, offset, bytes, 0);
    case 3:
        offset = z->start;
        return write_at(d, &offset, bytes, true);
    case 4:
        offset = z->start + granule;
        return write_at(d, &offset, bytes, true);
    case 5:
        offset = MAX(offset - (int64_t)granule, 0);
        break;
    }
    return write_at(d, &offset, bytes, false);
}

static int run_read(Disk *d, Input *in, const BlockZoneDescriptor *z)
{
    uint32_t granule = blk_get_write_granularity(d->blk);
    size_t bytes = MIN(input_take(in, 1) * granule, MAX_BYTES);
    g_autofree uint8_t *data = g_malloc(bytes);

    return blk_pread(d->blk, z->start, bytes, data, 0);
}

static int run_mgmt(Disk *d, Input *in, const BlockZoneDescriptor *z)
{
    BlockZoneOp op = input_take(in, 1) % (BLK_ZO_RESET_ALL + 1);

    if (op == BLK_ZO_RESET_ALL) {
        return blk_zone_mgmt(d->blk, op, 0, blk_getlength(d->blk));
    }
    return blk_zone_mgmt(d->blk, op, z->start, z->length);
}

static int run_status(Disk *d, Input *in, const BlockZoneDescriptor *z)
{
    int64_t bytes, map;
    BlockDriverState *file;

    return bdrv_block_status(blk_bs(d->blk), z->start, z->length, &bytes, &map,
                             &file);
}

static int run_flush(Disk *d, Input *in, const BlockZoneDescriptor *z)
{
    return blk_flush(d->blk);
}

static int run_discard(Disk *d, Input *in, const BlockZoneDescriptor *z)
{
    return blk_pdiscard(d->blk, z->start, z->length);
}

static int run_fail(Disk *d, Input *in, const BlockZoneDescriptor *z)
{
    d->memory->fail_after = input_take(in, 1) % 16;
    return 0;
}

static void run_commands(Disk *d, Input *in)
{
    static int (*const commands[])(Disk *d, Input *in,
                                   const BlockZoneDescriptor *z) = {
        run_write, run_write, run_write, run_mgmt, run_mgmt, run_read,
        run_flush, run_status, run_discard, run_fail,
    };
    int i;

    for (i = 0; i < MAX_COMMANDS && in->size; i++) {
        uint32_t n = input_take(in, 1) % ARRAY_SIZE(commands);
        uint32_t zone = input_take(in, 1) % d->nr_zones;

        if (commands[n](d, in, &d->zones[zone]) == -EIO) {
            d->failed = true;
        }
        report(d);
    }
}

/*
 * An image from start to end
 */

static bool disk_open(Disk *d, bool read_only)
{
    d->blk = open_image(d->memory, read_only ? 0 : BDRV_O_RDWR);
    if (!d->blk) {
        return false;
    }
    blk_set_enable_write_cache(d->blk, true);
    d->nr_zones = blk_get_nr_zones(d->blk);
    d->zones = g_new(BlockZoneDescriptor, d->nr_zones);
    if (d->nr_zones) {
        report(d);
    }
    return true;
}

static void disk_close(Disk *d)
{
    blk_unref(d->blk);
    g_free(d->zones);
}

static void assert_same_after_close(Disk *d)
{
    Disk again = { .memory = d->memory };
    uint32_t i;

    g_assert(disk_open(&again, true));
    g_assert_cmpuint(again.nr_zones, ==, d->nr_zones);
    for (i = 0; i < d->nr_zones; i++) {
        const BlockZoneDescriptor *z = &again.zones[i];

        g_assert_cmpint(z->state, ==, state_after_close(&d->zones[i]));
        g_assert_cmpuint(z->wp, ==, d->zones[i].wp);
        g_assert_cmpuint(z->cap, ==, d->zones[i].cap);
    }
    disk_close(&again);
}

static void use_image(Memory *m, Input *in, uint8_t flags, bool good)
{
    Disk d = { .memory = m };
    bool failed_close;

    if (!disk_open(&d, flags & IMAGE_READONLY)) {
        g_assert(!good);
        return;
    }
    if (d.nr_zones) {
        run_commands(&d, in);
    }
    failed_close = m->fail_after >= 0;
    blk_unref(d.blk);
    m->fail_after = -1;

    if (!d.failed && !failed_close) {
        assert_same_after_close(&d);
        g_assert(check_image(m, false) || !good);
    }
    g_free(d.zones);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    module_call_init(MODULE_INIT_TRACE);
    qemu_init_exec_dir((*argv)[0]);
    bdrv_init();
    qemu_init_main_loop(&error_abort);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Input in = { .data = data, .size = size };
    Memory *m = memory_new();
    uint8_t flags = image_make(m, &in);

    if (!image_is_huge(m)) {
        use_image(m, &in, flags, check_image(m, flags & IMAGE_REPAIR));
    }
    memory_free(m);
    return 0;
}
