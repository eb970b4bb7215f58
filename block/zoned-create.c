/*
 * The zoned image format: create an image
 *
 * All options are checked before a file is touched.  The first header is
 * written last, so that a half-made image is none.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qapi/qobject-input-visitor.h"
#include "qapi/qapi-visit-block-core.h"
#include "block/qdict.h"
#include "qemu/error-report.h"
#include "qemu/option.h"
#include "sysemu/block-backend.h"
#include "qemu/memalign.h"
#include "zoned.h"

#define DEFAULT_ZONE_SIZE           (64 * MiB)
#define DEFAULT_MAX_APPEND_BYTES    (1 * MiB)
#define DEFAULT_WRITE_GRANULARITY   4096

/* How many blocks of the table are written at once */
#define CREATE_BLOCKS 256

QemuOptsList zoned_create_opts = {
    .name = "zoned-create-opts",
    .head = QTAILQ_HEAD_INITIALIZER(zoned_create_opts.head),
    .desc = {
        {
            .name = BLOCK_OPT_SIZE,
            .type = QEMU_OPT_SIZE,
            .help = "Virtual disk size"
        }, {
            .name = "zone_size",
            .type = QEMU_OPT_SIZE,
            .help = "Size of a zone, a power of two (default: 64M)"
        }, {
            .name = "zone_capacity",
            .type = QEMU_OPT_SIZE,
            .help = "How much of a zone can be written (default: zone_size)"
        }, {
            .name = "conventional_zones",
            .type = QEMU_OPT_NUMBER,
            .help = "How many zones from the start are conventional "
                    "(default: 0)"
        }, {
            .name = "max_open_zones",
            .type = QEMU_OPT_NUMBER,
            .help = "How many zones can be open at once (default: 0, no limit)"
        }, {
            .name = "max_active_zones",
            .type = QEMU_OPT_NUMBER,
            .help = "How many zones can be open or closed at once "
                    "(default: 0, no limit)"
        }, {
            .name = "max_append_bytes",
            .type = QEMU_OPT_SIZE,
            .help = "Longest zone append (default: 1M, or zone_capacity if "
                    "that is less)"
        }, {
            .name = "write_granularity",
            .type = QEMU_OPT_SIZE,
            .help = "Unit of writes to sequential zones, a power of two "
                    "(default: 4096)"
        },
        { /* end of list */ }
    }
};

/* The options are wider than the fields, so that the error can show them */
static bool set_u32(uint32_t *field, const char *name, bool has_value,
                    uint64_t value, Error **errp)
{
    if (!has_value) {
        return true;
    }
    if (value > UINT32_MAX) {
        error_setg(errp, "%s is %" PRIu64 ", but must be at most %" PRIu32,
                   name, value, UINT32_MAX);
        return false;
    }
    *field = value;
    return true;
}

static bool header_from_options(ZonedHeader *h,
                                const BlockdevCreateOptionsZoned *o,
                                Error **errp)
{
    ZoneGeometry *g = &h->geometry;

    *h = (ZonedHeader) {
        .geometry.write_granularity = DEFAULT_WRITE_GRANULARITY,
    };
    if (!set_u32(&g->conventional_zones, "conventional_zones",
                 o->has_conventional_zones, o->conventional_zones, errp) ||
        !set_u32(&g->max_open_zones, "max_open_zones",
                 o->has_max_open_zones, o->max_open_zones, errp) ||
        !set_u32(&g->max_active_zones, "max_active_zones",
                 o->has_max_active_zones, o->max_active_zones, errp) ||
        !set_u32(&g->write_granularity, "write_granularity",
                 o->has_write_granularity, o->write_granularity, errp)) {
        return false;
    }
    g->size = o->size;
    g->zone_size = o->has_zone_size ? o->zone_size : DEFAULT_ZONE_SIZE;
    g->zone_capacity = o->has_zone_capacity ? o->zone_capacity : g->zone_size;
    h->max_append_bytes = o->has_max_append_bytes ? o->max_append_bytes
                        : MIN(g->zone_capacity, DEFAULT_MAX_APPEND_BYTES);
    if (!zoned_header_check(h, errp)) {
        return false;
    }
    zoned_header_init(h);
    return zoned_datasum_random_key(&h->datasum_key, errp);
}

/* What is possible, and still not what somebody wants */
static void warn_of_header(const ZonedHeader *h)
{
    const ZoneGeometry *g = &h->geometry;

    if (g->conventional_zones == 0 && g->size < g->zone_size) {
        warn_report("size is %" PRIu64 ", less than one zone (zone_size is "
                    "%" PRIu64 "): Linux refuses such a disk", g->size,
                    g->zone_size);
    }
}

static int coroutine_fn write_block(BlockBackend *blk, uint64_t offset,
                                    const uint8_t *buf)
{
    return blk_co_pwrite(blk, offset, ZONED_BLOCK_SIZE, buf, 0);
}

/* The second one first, so that an image has both */
static int coroutine_fn write_headers(BlockBackend *blk, const uint8_t *buf)
{
    int copy, ret = 0;

    for (copy = ZONED_COPIES - 1; copy >= 0 && ret >= 0; copy--) {
        ret = write_block(blk, zoned_header_offset(copy), buf);
    }
    return ret < 0 ? ret : blk_co_flush(blk);
}

/* Both copies of a table of empty zones; *@sum is set to that of one copy */
static int coroutine_fn write_table(BlockBackend *blk, const ZonedHeader *h,
                                    uint64_t *sum)
{
    static const uint64_t empty[ZONED_ZONES_PER_BLOCK];
    uint32_t nr_blocks = zoned_table_blocks(h);
    uint8_t *buf = blk_blockalign(blk, CREATE_BLOCKS * ZONED_BLOCK_SIZE);
    uint32_t b, n, i;
    int copy, ret = 0;

    *sum = 0;
    for (b = 0; b < nr_blocks && ret >= 0; b += n) {
        n = MIN(CREATE_BLOCKS, nr_blocks - b);
        for (i = 0; i < n; i++) {
            *sum += zoned_table_encode(h, b + i, empty,
                                       buf + i * ZONED_BLOCK_SIZE);
        }
        for (copy = 0; copy < ZONED_COPIES && ret >= 0; copy++) {
            ret = blk_co_pwrite(blk, zoned_table_offset(h, copy, b),
                                n * ZONED_BLOCK_SIZE, buf, 0);
        }
    }
    qemu_vfree(buf);
    return ret;
}

static int coroutine_fn write_roots(BlockBackend *blk, const ZonedHeader *h,
                                    uint64_t table_sum, uint8_t *buf)
{
    ZonedRoot root = {
        .generation = 1,
        .table_sum = table_sum,
        .table_blocks = zoned_table_blocks(h),
        .clean = true,
    };
    int copy, ret = 0;

    zoned_root_encode(h, &root, buf);
    for (copy = 0; copy < ZONED_COPIES && ret >= 0; copy++) {
        ret = write_block(blk, zoned_root_offset(copy), buf);
    }
    return ret < 0 ? ret : blk_co_flush(blk);
}

static int coroutine_fn write_metadata(BlockBackend *blk, const ZonedHeader *h)
{
    uint8_t *buf = blk_blockalign(blk, ZONED_BLOCK_SIZE);
    uint64_t table_sum;
    int ret;

    /* Whatever was here before must not look like an image meanwhile */
    memset(buf, 0, ZONED_BLOCK_SIZE);
    ret = write_headers(blk, buf);
    if (ret >= 0) {
        ret = write_table(blk, h, &table_sum);
    }
    if (ret >= 0) {
        ret = write_roots(blk, h, table_sum, buf);
    }
    if (ret >= 0) {
        zoned_header_encode(h, buf);
        ret = write_headers(blk, buf);
    }
    qemu_vfree(buf);
    return ret;
}

/* Make the file long enough; one of a fixed size may be long enough already */
static int coroutine_fn grow_file(BlockBackend *blk, const ZonedHeader *h,
                                  PreallocMode prealloc, Error **errp)
{
    int64_t length = blk_getlength(blk);

    if (length < 0) {
        error_setg_errno(errp, -length, "Could not get the size of the file");
        return length;
    }
    if (length >= zoned_file_size(h)) {
        return 0;
    }
    return blk_co_truncate(blk, zoned_file_size(h), false, prealloc, 0, errp);
}

/* Make @bs the image that @h describes */
static int coroutine_fn create_image(BlockDriverState *bs, const ZonedHeader *h,
                                     PreallocMode prealloc, Error **errp)
{
    BlockBackend *blk = blk_new_with_bs(bs, BLK_PERM_WRITE | BLK_PERM_RESIZE,
                                        BLK_PERM_ALL, errp);
    int ret;

    if (!blk) {
        return -EPERM;
    }
    blk_set_allow_write_beyond_eof(blk, true);

    ret = grow_file(blk, h, prealloc, errp);
    if (ret < 0) {
        goto out;
    }
    ret = write_metadata(blk, h);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not write the zoned image");
        goto out;
    }
    warn_of_header(h);
out:
    blk_unref(blk);
    return ret;
}

int coroutine_fn zoned_co_create(BlockdevCreateOptions *opts, Error **errp)
{
    BlockdevCreateOptionsZoned *o = &opts->u.zoned;
    BlockDriverState *bs;
    ZonedHeader h;
    int ret;

    assert(opts->driver == BLOCKDEV_DRIVER_ZONED);
    if (!header_from_options(&h, o, errp)) {
        return -EINVAL;
    }

    bs = bdrv_open_blockdev_ref(o->file, errp);
    if (!bs) {
        return -EIO;
    }
    ret = create_image(bs, &h, PREALLOC_MODE_OFF, errp);
    bdrv_unref(bs);
    return ret;
}

/* Of the node below nothing is known yet */
static BlockdevCreateOptions *parse_options(QDict *qdict, Error **errp)
{
    static const QDictRenames renames[] = {
        { "zone_size", "zone-size" },
        { "zone_capacity", "zone-capacity" },
        { "conventional_zones", "conventional-zones" },
        { "max_open_zones", "max-open-zones" },
        { "max_active_zones", "max-active-zones" },
        { "max_append_bytes", "max-append-bytes" },
        { "write_granularity", "write-granularity" },
        { NULL, NULL },
    };
    BlockdevCreateOptions *options = NULL;
    Visitor *v;

    if (!qdict_rename_keys(qdict, renames, errp)) {
        return NULL;
    }
    qdict_put_str(qdict, "driver", "zoned");
    qdict_put_str(qdict, "file", "");

    v = qobject_input_visitor_new_flat_confused(qdict, errp);
    if (!v) {
        return NULL;
    }
    visit_type_BlockdevCreateOptions(v, NULL, &options, errp);
    visit_free(v);
    return options;
}

/* Take the options of the format out of @opts; the others are the file's */
static bool header_from_opts(ZonedHeader *h, QemuOpts *opts, Error **errp)
{
    QDict *qdict = qemu_opts_to_qdict_filtered(opts, NULL, &zoned_create_opts,
                                               true);
    BlockdevCreateOptions *options = parse_options(qdict, errp);
    bool ok = options && header_from_options(h, &options->u.zoned, errp);

    qapi_free_BlockdevCreateOptions(options);
    qobject_unref(qdict);
    return ok;
}

/* Returns -1 and sets an error if the option is none of the modes */
static int take_prealloc(QemuOpts *opts, Error **errp)
{
    g_autofree char *mode = qemu_opt_get_del(opts, BLOCK_OPT_PREALLOC);

    return mode ? qapi_enum_parse(&PreallocMode_lookup, mode, -1, errp)
                : PREALLOC_MODE_OFF;
}

/*
 * Wrong options leave a file that is there as it is.  The file is made empty
 * and grows afterwards: where it cannot, it is removed.
 */
int coroutine_fn zoned_co_create_opts(BlockDriver *drv, const char *filename,
                                      QemuOpts *opts, Error **errp)
{
    BlockDriverState *bs;
    ZonedHeader h;
    int prealloc, ret;

    if (!header_from_opts(&h, opts, errp)) {
        return -EINVAL;
    }
    prealloc = take_prealloc(opts, errp);
    if (prealloc < 0) {
        return -EINVAL;
    }

    ret = bdrv_create_file(filename, opts, errp);
    if (ret < 0) {
        return ret;
    }
    bs = bdrv_open(filename, NULL, NULL,
                   BDRV_O_RDWR | BDRV_O_RESIZE | BDRV_O_PROTOCOL, errp);
    if (!bs) {
        return -EIO;
    }
    ret = create_image(bs, &h, prealloc, errp);
    if (ret < 0) {
        bdrv_co_delete_file_noerr(bs);
    }
    bdrv_unref(bs);
    return ret;
}
