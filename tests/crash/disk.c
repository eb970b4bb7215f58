/*
 * Crash laboratory: a zoned disk on a medium, as the guest finds it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "sysemu/block-backend.h"
#include "disk.h"

/* What a medium holds that no guest has written */
#define NEVER_WRITTEN 0xa5

/* Any will do */
#define DATASUM_KEY 0x123456789abcdefULL

/* Marks the writes of disk_use() */
#define USE_STAMP 0xfffffff0u

int disk_quiet(void)
{
    int saved = dup(STDERR_FILENO);
    int null = open("/dev/null", O_WRONLY);

    g_assert(saved >= 0 && null >= 0);
    dup2(null, STDERR_FILENO);
    close(null);
    return saved;
}

void disk_loud(int saved)
{
    dup2(saved, STDERR_FILENO);
    close(saved);
}

/*
 * A new image
 */

static void set_entry(uint64_t *entries, unsigned zone, BlockZoneState state)
{
    if (zone) {
        entries[zone] = zoned_entry(state, 0);
    }
}

static uint8_t *place(Medium *m, uint64_t offset)
{
    return m->base + medium_index(m, offset);
}

/* Both copies of all metadata, clean */
static void write_metadata(Medium *m, const Case *c, const ZonedHeader *h)
{
    uint32_t nr_zones = zone_geometry_nr_zones(&h->geometry);
    g_autofree uint64_t *entries = g_new0(uint64_t, nr_zones);
    ZonedRoot root = {
        .generation = 1,
        .table_blocks = zoned_table_blocks(h),
        .clean = true,
    };
    uint32_t b, sum = 0;
    int copy;

    set_entry(entries, c->readonly, BLK_ZS_RDONLY);
    set_entry(entries, c->offline, BLK_ZS_OFFLINE);
    for (copy = 0; copy < ZONED_COPIES; copy++) {
        root.table_sum = 0;
        for (b = 0; b < zoned_table_blocks(h); b++) {
            sum = zoned_table_encode(h, b, entries + zoned_block_first_zone(b),
                                     place(m, zoned_table_offset(h, copy, b)));
            root.table_sum += sum;
        }
        zoned_header_encode(h, place(m, zoned_header_offset(copy)));
        zoned_root_encode(h, &root, place(m, zoned_root_offset(copy)));
    }
}

Medium *disk_create(const Case *c, ZonedHeader *h, uint64_t *clock)
{
    const ZoneGeometry *g = &c->geometry;
    uint64_t conv = g->conventional_zones * g->zone_size;
    Medium *m;

    *h = (ZonedHeader) {
        .geometry = *g,
        .max_append_bytes = g->zone_capacity,
    };
    zoned_header_check(h, &error_abort);
    zoned_header_init(h);
    h->id = (QemuUUID) { .data = "crash laboratory" };
    h->datasum_key = DATASUM_KEY;

    m = medium_new(h->data_offset, zoned_file_size(h), clock);
    memset(m->base + MEDIUM_META_SIZE + conv, NEVER_WRITTEN,
           g->size - MIN(g->size, conv));
    write_metadata(m, c, h);
    memcpy(m->content, m->base, m->size);
    return m;
}

BlockBackend *disk_open(Medium *m, const char *name, Error **errp)
{
    g_autofree char *file = g_strdup_printf("%s-medium", name);
    BlockDriverState *bs = medium_open(m, file);
    QDict *options = qdict_new();
    BlockBackend *blk;
    int saved;

    qdict_put_str(options, "driver", "zoned");
    qdict_put_str(options, "node-name", name);
    qdict_put_str(options, "file", file);
    saved = disk_quiet();
    blk = blk_new_open(NULL, NULL, options, BDRV_O_RDWR, errp);
    disk_loud(saved);
    bdrv_unref(bs);
    return blk;
}

/*
 * Looking at a disk
 */

static char *inspect_zone(BlockBackend *blk, Model *model, uint64_t moment,
                          const BlockZoneDescriptor *desc, unsigned *version)
{
    g_autofree uint8_t *data = NULL;
    uint32_t zone = desc->start / model->geometry.zone_size;
    ZoneView view = {
        .state = desc->state,
        .wp = desc->wp - desc->start,
    };

    /* Of the many zones of a wide disk, most have never been touched */
    if (model->zones[zone].versions->len == 1 &&
        desc->state == BLK_ZS_EMPTY && model->nr_zones > 64) {
        *version = 0;
        return NULL;
    }
    if (desc->state != BLK_ZS_OFFLINE) {
        int ret;

        data = g_malloc(desc->length);
        ret = blk_pread(blk, desc->start, desc->length, data, 0);
        if (ret < 0) {
            return g_strdup_printf("zone %" PRIu32 " cannot be read: %s",
                                   zone, strerror(-ret));
        }
        view.data = data;
    }
    return model_check(model, zone, moment, &view, version);
}

/* A check prints what it finds: the laboratory has done that on purpose */
static int check_quietly(BlockBackend *blk, BdrvCheckResult *result,
                         BdrvCheckMode fix)
{
    int saved = disk_quiet();
    int ret = bdrv_check(blk_bs(blk), result, fix);

    disk_loud(saved);
    return ret;
}

static char *check_image(BlockBackend *blk)
{
    BdrvCheckResult result = { .corruptions = 0 };
    int ret = check_quietly(blk, &result, 0);

    if (ret < 0) {
        return g_strdup_printf("check fails: %s", strerror(-ret));
    }
    if (result.corruptions || result.check_errors || result.leaks) {
        return g_strdup_printf("check finds %d errors", result.corruptions +
                               result.check_errors + result.leaks);
    }
    return NULL;
}

static char *report(BlockBackend *blk, BlockZoneDescriptor *zones,
                    uint32_t nr_zones)
{
    uint32_t nr = nr_zones;
    int ret = blk_zone_report(blk, 0, &nr, zones);

    if (ret < 0) {
        return g_strdup_printf("report fails: %s", strerror(-ret));
    }
    return nr == nr_zones ? NULL : g_strdup("report is short");
}

/* As check_image(), after a repair of a root, if need be */
static char *repair_root(BlockBackend *blk)
{
    BdrvCheckResult result = { .corruptions = 0 };
    int ret = check_quietly(blk, &result, BDRV_FIX_ERRORS);

    if (ret < 0 || result.corruptions_fixed > 1) {
        return g_strdup_printf("repair of a root fails, or repairs too much");
    }
    return check_image(blk);
}

char *disk_inspect(BlockBackend *blk, Model *model, uint64_t moment,
                   bool torn_root, unsigned *versions)
{
    g_autofree BlockZoneDescriptor *zones = g_new(BlockZoneDescriptor,
                                                  model->nr_zones);
    char *error = report(blk, zones, model->nr_zones);
    uint32_t i;

    for (i = 0; i < model->nr_zones && !error; i++) {
        error = inspect_zone(blk, model, moment, &zones[i], &versions[i]);
    }
    return error ?: torn_root ? repair_root(blk) : check_image(blk);
}

void disk_adopt_conv(BlockBackend *blk, Model *model)
{
    const ZoneGeometry *g = &model->geometry;
    uint32_t i;

    for (i = 0; i < g->conventional_zones; i++) {
        uint64_t length = zone_geometry_length(g, i);
        g_autofree uint8_t *data = g_malloc(length);
        int ret = blk_pread(blk, zone_geometry_start(g, i), length, data, 0);

        g_assert_cmpint(ret, ==, 0);
        model_adopt_conv(model, i, data);
    }
    g_ptr_array_set_size(model->conv, 0);
}

/*
 * Using a disk
 */

/* The zone where @use writes, and up to where it has data then */
typedef struct Use {
    BlockBackend *blk;
    Model *model;
    uint32_t zone;
    uint64_t end;
    uint8_t *data;
} Use;

/* One that is in state @state; -1 if none is */
static int find_zone(const BlockZoneDescriptor *zones, uint32_t nr_zones,
                     BlockZoneState state)
{
    uint32_t i;

    for (i = 0; i < nr_zones; i++) {
        if (zones[i].state == state) {
            return i;
        }
    }
    return -1;
}

/* Add one granule to the zone, after emptying it if @reset or if it is full */
static char *use_zone(Use *u, const BlockZoneDescriptor *desc, bool reset)
{
    uint32_t granule = u->model->geometry.write_granularity;
    uint64_t wp = desc->wp - desc->start;
    int ret = 0;

    if (reset || desc->state == BLK_ZS_FULL) {
        ret = blk_zone_mgmt(u->blk, BLK_ZO_RESET, desc->start, desc->length);
        wp = 0;
    }
    u->end = wp + granule;
    u->data = g_malloc(u->end);
    if (ret >= 0 && wp) {
        ret = blk_pread(u->blk, desc->start, wp, u->data, 0);
    }
    if (ret >= 0) {
        model_fill(u->data + wp, desc->start + wp, granule, USE_STAMP);
        ret = blk_pwrite(u->blk, desc->start + wp, granule, u->data + wp, 0);
    }
    if (ret >= 0) {
        ret = blk_flush(u->blk);
    }
    return ret >= 0 ? NULL :
           g_strdup_printf("image cannot be used: zone %" PRIu32 ": %s",
                           u->zone, blk_zone_strerror(ret));
}

/* Whether that is there again */
static char *check_use(Use *u, const BlockZoneDescriptor *desc)
{
    g_autofree uint8_t *data = g_malloc(u->end);
    uint64_t wp = desc->state == BLK_ZS_FULL ? desc->cap
                                             : desc->wp - desc->start;
    int ret = blk_pread(u->blk, desc->start, u->end, data, 0);

    if (ret < 0 || wp != u->end || memcmp(data, u->data, u->end)) {
        return g_strdup_printf("what was written and flushed after the crash "
                               "is not there: zone %" PRIu32, u->zone);
    }
    return check_image(u->blk);
}

static uint64_t never_any(void *opaque, uint64_t n)
{
    return 0;
}

/* Without a power cut, the image is closed; with one it keeps what it must */
static void leave(BlockBackend *blk, Medium *m, bool cut)
{
    if (cut) {
        g_autofree MediumPart *none = g_new0(MediumPart, m->log->len);
        int saved;

        medium_image(m, *m->clock, none, m->base);
        medium_kill(m, never_any, NULL);
        saved = disk_quiet();
        blk_unref(blk);
        disk_loud(saved);
        medium_revive(m);
        medium_restart(m);
    } else {
        blk_unref(blk);
    }
}

/* One that can be written whatever the limits are; -1 if there is none */
static int choose_zone(const BlockZoneDescriptor *zones, uint32_t nr_zones)
{
    static const BlockZoneState states[] = {
        BLK_ZS_CLOSED, BLK_ZS_FULL, BLK_ZS_EMPTY
    };
    int i, zone = -1;

    for (i = 0; i < ARRAY_SIZE(states) && zone < 0; i++) {
        zone = find_zone(zones, nr_zones, states[i]);
    }
    return zone;
}

char *disk_use(BlockBackend *blk, Medium *m, Model *model, bool reset, bool cut)
{
    g_autofree BlockZoneDescriptor *zones = g_new(BlockZoneDescriptor,
                                                  model->nr_zones);
    Use u = { .blk = blk, .model = model };
    char *error = report(blk, zones, model->nr_zones);
    Error *err = NULL;
    int zone = choose_zone(zones, model->nr_zones);

    u.zone = zone;
    if (!error && zone >= 0) {
        error = use_zone(&u, &zones[zone], reset);
    }
    leave(blk, m, cut);
    if (error || zone < 0) {
        goto out;
    }

    u.blk = disk_open(m, "used", &err);
    if (!u.blk) {
        error = g_strdup_printf("image cannot be opened after it was used: %s",
                                error_get_pretty(err));
        error_free(err);
        goto out;
    }
    error = report(u.blk, zones, model->nr_zones) ?:
            check_use(&u, &zones[zone]);
    blk_unref(u.blk);
out:
    g_free(u.data);
    return error;
}
