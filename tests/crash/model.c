/*
 * Crash laboratory: what the guest was told, and what it may find after a
 * crash
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <zlib.h>
#include "qemu/bswap.h"
#include "random.h"
#include "model.h"

#define WORDS (SECTOR / sizeof(uint64_t))

/*
 * Data.  Each sector tells which write it is of and where it belongs, so that
 * a stale, missing or misplaced one is recognised.  It ends in its own CRC-32,
 * as pages of databases do: all of them are the same to a linear checksum.
 */

static void fill_sector(uint64_t *w, uint64_t sector, uint32_t stamp)
{
    uint64_t x = mix64((uint64_t)stamp << 32 | sector);
    unsigned i;

    w[0] = (uint64_t)stamp << 32 | sector;
    for (i = 1; i < WORDS; i++) {
        w[i] = x += 0x9e3779b97f4a7c15ULL;
    }
    stl_le_p((uint8_t *)w + SECTOR - 4,
             crc32(crc32(0, NULL, 0), (const uint8_t *)w, SECTOR - 4));
}

void model_fill(uint8_t *buf, uint64_t offset, uint64_t bytes, uint32_t stamp)
{
    uint64_t done;

    if (!stamp) {
        memset(buf, 0, bytes);
        return;
    }
    for (done = 0; done < bytes; done += SECTOR) {
        uint64_t w[WORDS];

        fill_sector(w, (offset + done) / SECTOR, stamp);
        memcpy(buf + done, w, SECTOR);
    }
}

static bool sector_is(const uint8_t *buf, uint64_t offset, uint32_t stamp)
{
    uint8_t expected[SECTOR];

    model_fill(expected, offset, SECTOR, stamp);
    return !memcmp(buf, expected, SECTOR);
}

/* The write that left what is in the sector at @offset; -1 if none did */
static int64_t sector_stamp(const uint8_t *buf, uint64_t offset)
{
    uint64_t w;

    if (sector_is(buf, offset, 0)) {
        return 0;
    }
    memcpy(&w, buf, sizeof(w));
    return sector_is(buf, offset, w >> 32) ? w >> 32 : -1;
}

static char *describe_sector(const uint8_t *buf, uint64_t offset)
{
    int64_t stamp = sector_stamp(buf, offset);

    return stamp < 0 ? g_strdup("nothing that was ever written there") :
           stamp == 0 ? g_strdup("zeroes") :
           g_strdup_printf("what step %" PRId64 " wrote", stamp);
}

/*
 * The zones
 */

Model *model_new(const ZoneGeometry *g)
{
    Model *m = g_new0(Model, 1);
    uint32_t i;

    m->geometry = *g;
    m->nr_zones = zone_geometry_nr_zones(g);
    m->zones = g_new0(ZoneModel, m->nr_zones);
    for (i = 0; i < m->nr_zones; i++) {
        ZoneVersion v = { .wp = 0 };

        m->zones[i].versions = g_array_new(false, false, sizeof(ZoneVersion));
        m->zones[i].fixed = BLK_ZS_EMPTY;
        g_array_append_val(m->zones[i].versions, v);
    }
    m->conv = g_ptr_array_new_with_free_func(g_free);
    m->conv_base = g_new0(uint32_t, g->conventional_zones * g->zone_size /
                                    SECTOR);
    m->flushes = g_ptr_array_new();
    return m;
}

void model_free(Model *m)
{
    uint32_t i;

    for (i = 0; i < m->nr_zones; i++) {
        g_array_free(m->zones[i].versions, true);
    }
    for (i = 0; i < m->flushes->len; i++) {
        FlushModel *f = g_ptr_array_index(m->flushes, i);

        g_free(f->floors);
        g_free(f);
    }
    g_ptr_array_free(m->flushes, true);
    g_ptr_array_free(m->conv, true);
    g_free(m->conv_base);
    g_free(m->zones);
    g_free(m);
}

ZoneVersion *model_version(Model *m, uint32_t zone, unsigned i)
{
    return &g_array_index(m->zones[zone].versions, ZoneVersion, i);
}

ZoneVersion *model_last(Model *m, uint32_t zone)
{
    return model_version(m, zone, m->zones[zone].versions->len - 1);
}

void model_add(Model *m, uint32_t zone, const ZoneVersion *v)
{
    g_array_append_vals(m->zones[zone].versions, v, 1);
}

void model_drop(Model *m, uint32_t zone)
{
    GArray *versions = m->zones[zone].versions;

    g_assert(model_last(m, zone)->told == NEVER);
    g_array_set_size(versions, versions->len - 1);
}

ConvWrite *model_add_conv(Model *m, const ConvWrite *w)
{
    ConvWrite *copy = g_memdup2(w, sizeof(*w));

    g_ptr_array_add(m->conv, copy);
    return copy;
}

/* The last version that was reported to the guest by @moment */
static unsigned last_told(Model *m, uint32_t zone, uint64_t moment)
{
    unsigned i = m->zones[zone].versions->len - 1;

    while (i && model_version(m, zone, i)->told >= moment) {
        i--;
    }
    return i;
}

void model_flushed(Model *m, uint64_t submitted, uint64_t told)
{
    FlushModel *f = g_new(FlushModel, 1);
    uint32_t i;

    *f = (FlushModel) {
        .submitted = submitted,
        .told = told,
        .floors = g_new(unsigned, m->nr_zones),
    };
    for (i = 0; i < m->nr_zones; i++) {
        f->floors[i] = last_told(m, i, submitted);
    }
    g_ptr_array_add(m->flushes, f);
}

/* What @version of the zone reads as */
static void fill_zone(Model *m, uint32_t zone, unsigned version, uint8_t *buf)
{
    uint64_t start = zone_geometry_start(&m->geometry, zone);
    const ZoneVersion *v = model_version(m, zone, version);
    uint64_t wp = 0;
    unsigned i;

    memset(buf, 0, zone_geometry_length(&m->geometry, zone));
    for (i = v->first; i <= version; i++) {
        v = model_version(m, zone, i);
        if (v->wp > wp) {
            model_fill(buf + wp, start + wp, v->wp - wp, v->stamp);
            wp = v->wp;
        }
    }
}

/* Whether @view is in the state of version @v, as far as a report says it */
static bool reported_as(Model *m, uint32_t zone, const ZoneVersion *v,
                        const ZoneView *view)
{
    uint64_t capacity = zone_geometry_capacity(&m->geometry, zone);

    if (m->zones[zone].fixed != BLK_ZS_EMPTY) {
        return view->state == m->zones[zone].fixed;
    }
    if (v->finished || v->wp == capacity) {
        return view->state == BLK_ZS_FULL;
    }
    return view->wp == v->wp &&
           view->state == (v->wp ? BLK_ZS_CLOSED : BLK_ZS_EMPTY);
}

static unsigned zone_floor(Model *m, uint32_t zone, uint64_t moment)
{
    unsigned i, floor = m->zones[zone].floor;

    for (i = 0; i < m->flushes->len; i++) {
        const FlushModel *f = g_ptr_array_index(m->flushes, i);

        if (f->told < moment) {
            floor = MAX(floor, f->floors[zone]);
        }
    }
    return floor;
}

static char *G_GNUC_PRINTF(4, 5) wrong(Model *m, uint32_t zone,
                                       const ZoneView *view,
                                       const char *fmt, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    return g_strdup_printf("zone %" PRIu32 ", found %s with %" PRIu64 " bytes"
                           ": %s", zone, blk_zone_state_name(view->state),
                           view->wp, text);
}

/* Where the data in @view is not @expected */
static char *describe_difference(Model *m, uint32_t zone, const ZoneView *view,
                                 const uint8_t *expected)
{
    uint64_t start = zone_geometry_start(&m->geometry, zone);
    uint64_t o = 0;
    g_autofree char *is = NULL, *should = NULL;

    while (!memcmp(view->data + o, expected + o, SECTOR)) {
        o += SECTOR;
    }
    is = describe_sector(view->data + o, start + o);
    should = describe_sector(expected + o, start + o);
    return wrong(m, zone, view, "byte %" PRIu64 " has %s and not %s", o, is,
                 should);
}

static char *check_sequential(Model *m, uint32_t zone, uint64_t moment,
                              const ZoneView *view, unsigned *version)
{
    uint64_t length = zone_geometry_length(&m->geometry, zone);
    g_autofree uint8_t *expected = g_malloc(length);
    unsigned floor = zone_floor(m, zone, moment);
    int i, reported = -1;

    for (i = m->zones[zone].versions->len - 1; i >= (int)floor; i--) {
        const ZoneVersion *v = model_version(m, zone, i);

        if (v->submitted >= moment || !reported_as(m, zone, v, view)) {
            continue;
        }
        reported = i;
        fill_zone(m, zone, i, expected);
        if (!view->data || !memcmp(view->data, expected, length)) {
            *version = i;
            return NULL;
        }
    }
    if (reported >= 0) {
        fill_zone(m, zone, reported, expected);
        return describe_difference(m, zone, view, expected);
    }
    return wrong(m, zone, view, "it had %" PRIu64 " bytes%s at the last flush "
                 "and was never found like this since",
                 model_version(m, zone, floor)->wp,
                 model_version(m, zone, floor)->finished ? " and was finished" :
                                                           "");
}

/* The moment from which on what was complete has been made durable */
static uint64_t last_flush(Model *m, uint64_t moment)
{
    uint64_t submitted = 0;
    unsigned i;

    for (i = 0; i < m->flushes->len; i++) {
        const FlushModel *f = g_ptr_array_index(m->flushes, i);

        if (f->told < moment) {
            submitted = MAX(submitted, f->submitted);
        }
    }
    return submitted;
}

/* The sector at @offset of the disk is that of one of the last writes */
static bool conv_sector_is_good(Model *m, uint64_t offset, uint64_t moment,
                                const uint8_t *data)
{
    uint64_t flushed = last_flush(m, moment);
    bool good = sector_is(data, offset, m->conv_base[offset / SECTOR]);
    unsigned i;

    for (i = 0; i < m->conv->len; i++) {
        const ConvWrite *w = g_ptr_array_index(m->conv, i);

        if (w->submitted >= moment || offset < w->offset ||
            offset >= w->offset + w->bytes) {
            continue;
        }
        if (w->told < flushed) {
            good = false;
        }
        good = good || sector_is(data, offset, w->stamp);
    }
    return good;
}

static char *check_conventional(Model *m, uint32_t zone, uint64_t moment,
                                const ZoneView *view)
{
    uint64_t start = zone_geometry_start(&m->geometry, zone);
    uint64_t length = zone_geometry_length(&m->geometry, zone);
    uint64_t o;

    if (view->state != BLK_ZS_NOT_WP) {
        return wrong(m, zone, view, "it is conventional");
    }
    for (o = 0; o < length; o += SECTOR) {
        if (!conv_sector_is_good(m, start + o, moment, view->data + o)) {
            g_autofree char *is = describe_sector(view->data + o, start + o);

            return wrong(m, zone, view, "byte %" PRIu64 " has %s", o, is);
        }
    }
    return NULL;
}

char *model_check(Model *m, uint32_t zone, uint64_t moment,
                  const ZoneView *view, unsigned *version)
{
    *version = 0;
    if (zone_geometry_is_conventional(&m->geometry, zone)) {
        return check_conventional(m, zone, moment, view);
    }
    return check_sequential(m, zone, moment, view, version);
}

void model_adopt(Model *m, uint32_t zone, unsigned version, bool durable)
{
    ZoneModel *z = &m->zones[zone];

    g_array_set_size(z->versions, version + 1);
    if (durable) {
        z->floor = version;
    }
}

void model_adopt_conv(Model *m, uint32_t zone, const uint8_t *data)
{
    uint64_t start = zone_geometry_start(&m->geometry, zone);
    uint64_t length = zone_geometry_length(&m->geometry, zone);
    uint64_t o;

    for (o = 0; o < length; o += SECTOR) {
        int64_t stamp = sector_stamp(data + o, start + o);

        g_assert(stamp >= 0);
        m->conv_base[(start + o) / SECTOR] = stamp;
    }
}
