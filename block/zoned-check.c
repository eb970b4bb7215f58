/*
 * The zoned image format: check an image, and repair what can be repaired
 * without guessing
 *
 * There are two copies of every block of metadata.  In an image that was
 * closed both are the same, so one that is damaged can be restored from the
 * other.  After a crash they differ: the copies that are not current may be
 * torn, which is no damage, and for the others there is no second source.
 * What a zone table is made of that has no good copy, or that says what cannot
 * be, is decided by zoned-rescue.c.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/memalign.h"
#include "zoned.h"
#include "zoned-rescue.h"

/* A forged image can have millions of errors, which nobody reads */
#define MAX_MESSAGES 1000

/*
 * A check of one image.
 *
 * @meta: of the image as it was opened; of @rescue if it was opened as damaged
 * @rescue: its table is loaded if @rescued
 * @repairable: what a repair can put right
 * @lost: what it cannot
 */
typedef struct ZonedCheck {
    BlockDriverState *bs;
    BdrvCheckResult *result;
    ZonedMeta *meta;
    ZonedRescue rescue;
    bool rescued;
    uint8_t *buf;
    int repairable;
    int lost;
    int messages;
} ZonedCheck;

static void G_GNUC_PRINTF(3, 4) found(ZonedCheck *c, int *count,
                                      const char *fmt, ...)
{
    va_list ap;

    ++*count;
    if (c->messages++ < MAX_MESSAGES) {
        va_start(ap, fmt);
        fprintf(stderr, "ERROR ");
        vfprintf(stderr, fmt, ap);
        fprintf(stderr, "\n");
        va_end(ap);
    } else if (c->messages == MAX_MESSAGES + 1) {
        fprintf(stderr, "ERROR and more, which are not listed\n");
    }
}

static bool read_block(ZonedCheck *c, uint64_t offset)
{
    int ret = bdrv_pread(c->bs->file, offset, ZONED_BLOCK_SIZE, c->buf, 0);

    if (ret < 0) {
        fprintf(stderr, "ERROR could not read the metadata at offset "
                "%" PRIu64 ": %s\n", offset, strerror(-ret));
        c->result->check_errors++;
        return false;
    }
    return true;
}

/* Two that are intact could be from two images; the first one is used */
static void compare_headers(ZonedCheck *c)
{
    g_autofree uint8_t *headers = g_malloc(ZONED_COPIES * ZONED_BLOCK_SIZE);
    int ret = bdrv_pread(c->bs->file, 0, ZONED_COPIES * ZONED_BLOCK_SIZE,
                         headers, 0);

    if (ret < 0) {
        fprintf(stderr, "ERROR could not read the header: %s\n",
                strerror(-ret));
        c->result->check_errors++;
    } else if (memcmp(headers, headers + ZONED_BLOCK_SIZE, ZONED_BLOCK_SIZE)) {
        found(c, &c->repairable, "copy 1 of the header is not like copy 0");
    }
}

/* Returns which copy of the header is good, -1 if none is */
static int check_headers(ZonedCheck *c)
{
    int copy, good = -1, nr_good = 0;

    for (copy = ZONED_COPIES - 1; copy >= 0; copy--) {
        Error *err = NULL;
        ZonedHeader h;

        if (zoned_meta_load_header(c->bs->file, &h, copy, &err) < 0) {
            found(c, &c->repairable, "copy %d of the header: %s", copy,
                  error_get_pretty(err));
            error_free(err);
        } else {
            good = copy;
            nr_good++;
        }
    }
    if (nr_good == ZONED_COPIES) {
        compare_headers(c);
    } else if (good < 0) {
        found(c, &c->lost, "there is no good header");
    }
    return good;
}

static void check_length(ZonedCheck *c)
{
    int64_t length = bdrv_getlength(c->bs->file->bs);
    int64_t expected = zoned_file_size(&c->meta->header);

    if (length < 0) {
        fprintf(stderr, "ERROR could not get the size of the file: %s\n",
                strerror(-length));
        c->result->check_errors++;
    } else if (length < expected) {
        found(c, &c->lost, "image is truncated: it has %" PRId64 " bytes, but "
              "needs %" PRId64, length, expected);
    }
    c->result->image_end_offset = expected;
}

/*
 * Whether the root in @c->buf is what its copy may be: the one that counts, or
 * the one before it.  The latter is left where a crash came right after the
 * image was marked as clean, and is as good.
 */
static bool root_is_good(ZonedCheck *c)
{
    uint64_t generation = c->meta->root.generation;
    ZonedRoot root;

    return zoned_root_decode(&c->meta->header, &root, c->buf) &&
           (root.generation == generation ||
            (root.generation == generation - 1 && !root.clean));
}

static void check_roots(ZonedCheck *c)
{
    int copy;

    for (copy = 0; copy < ZONED_COPIES; copy++) {
        if (read_block(c, (ZONED_ROOT_BLOCK + copy) * ZONED_BLOCK_SIZE) &&
            (c->meta->root.clean || copy == c->meta->root_copy) &&
            !root_is_good(c)) {
            found(c, &c->repairable,
                  "copy %d of the zone table's root is damaged", copy);
        }
    }
}

static void check_block(ZonedCheck *c, uint32_t block, int copy)
{
    ZonedMeta *m = c->meta;
    uint32_t first = zoned_block_first_zone(block);
    uint32_t last = first + zoned_block_nr_zones(&m->header, block) - 1;
    uint64_t entries[ZONED_ZONES_PER_BLOCK];
    uint32_t sum;

    if (read_block(c, zoned_table_offset(&m->header, copy, block)) &&
        (!zoned_table_decode(&m->header, block, entries, c->buf, &sum) ||
         sum != m->sums[block])) {
        found(c, &c->repairable, "copy %d of block %" PRIu32 " of the zone "
              "table is damaged; it describes zones %" PRIu32 " to %" PRIu32,
              copy, block, first, last);
    }
}

static void check_table(ZonedCheck *c)
{
    const ZonedMeta *m = c->meta;
    uint32_t b;
    int copy;

    for (b = 0; b < zoned_table_blocks(&m->header); b++) {
        if (m->lost && test_bit(b, m->lost)) {
            continue;
        }
        for (copy = 0; copy < ZONED_COPIES; copy++) {
            if (m->root.clean || copy == zoned_root_copy(&m->root, b)) {
                check_block(c, b, copy);
            }
        }
    }
}

static void rescue_found(void *opaque, const char *text)
{
    ZonedCheck *c = opaque;

    found(c, &c->repairable, "%s", text);
}

/* Why the zone table could not be loaded, and what can be made of it */
static void check_rescue(ZonedCheck *c)
{
    Error *err = NULL;
    int ret;

    c->rescue = (ZonedRescue) {
        .meta.file = c->bs->file,
        .meta.header = c->meta->header,
        .found = rescue_found,
        .opaque = c,
    };
    ret = zoned_rescue_load(&c->rescue, &err);
    if (ret == -EINVAL) {
        found(c, &c->lost, "%s", error_get_pretty(err));
    } else if (ret < 0) {
        fprintf(stderr, "ERROR %s\n", error_get_pretty(err));
        c->result->check_errors++;
    }
    error_free(err);
    c->rescued = ret >= 0;
    c->meta = &c->rescue.meta;
}

/* Word for word, as there may be fields in it that are not known here */
static int repair_header(ZonedCheck *c, int good_header)
{
    int ret = bdrv_pread(c->bs->file, good_header * ZONED_BLOCK_SIZE,
                         ZONED_BLOCK_SIZE, c->buf, 0);

    if (ret >= 0) {
        ret = bdrv_pwrite(c->bs->file, !good_header * ZONED_BLOCK_SIZE,
                          ZONED_BLOCK_SIZE, c->buf, 0);
    }
    return ret;
}

/*
 * Of all metadata there is a good copy, in the image or in c->rescue: write it
 * to the others.  What is good in the image stays so at every moment of this.
 */
static int repair(ZonedCheck *c, int good_header)
{
    int ret = repair_header(c, good_header);

    if (ret < 0) {
        return ret;
    }
    if (c->rescued) {
        ret = zoned_rescue_write(&c->rescue);
        return ret < 0 ? ret : zoned_reload(c->bs, NULL);
    }
    c->meta->root.clean = false;
    return zoned_meta_settle(c->meta);
}

int coroutine_fn zoned_co_check(BlockDriverState *bs, BdrvCheckResult *result,
                                BdrvCheckMode fix)
{
    BDRVZonedState *s = bs->opaque;
    ZonedCheck c = {
        .bs = bs,
        .result = result,
        .meta = &s->meta,
        .buf = qemu_blockalign(bs->file->bs, ZONED_BLOCK_SIZE),
    };
    int good_header, ret = 0;

    good_header = check_headers(&c);
    if (good_header >= 0) {
        check_length(&c);
        if (s->damaged) {
            check_rescue(&c);
        }
        if (!s->damaged || c.rescued) {
            if (!c.meta->root_lost) {
                check_roots(&c);
            }
            check_table(&c);
        }
    }

    if (c.repairable && !c.lost && (!s->damaged || c.rescued) &&
        (fix & BDRV_FIX_ERRORS)) {
        ret = repair(&c, good_header);
        if (ret >= 0) {
            result->corruptions_fixed += c.repairable;
            c.repairable = 0;
        }
    }
    result->corruptions += c.repairable + c.lost;
    zoned_rescue_unload(&c.rescue);
    qemu_vfree(c.buf);
    return ret;
}
