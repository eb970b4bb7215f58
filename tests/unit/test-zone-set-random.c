/*
 * Property test for the zone state machine: random requests to it and to a
 * naive model
 *
 * The model keeps no state and counts nothing.  It has facts about each zone,
 * from which state and counts follow, and a clock for the order of use.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "zone-set-test.h"

#define MODEL_MAX_ZONES 12

typedef enum { SHUT, OPENED_BY_WRITE, OPENED_BY_USER } ModelOpen;

typedef struct {
    bool conventional;
    bool read_only;
    bool offline;
    bool full;
    ModelOpen open;
    uint64_t start;         /* of the zone, absolute like the others */
    uint64_t end;
    uint64_t writable_end;
    uint64_t submitted;     /* end of the writes submitted */
    uint64_t completed;     /* end of the writes completed */
    unsigned last_write;
} ModelZone;

typedef struct {
    ZoneGeometry g;
    uint32_t n;
    unsigned clock;
    ModelZone zones[MODEL_MAX_ZONES];
} Model;

static bool model_active(const ModelZone *z)
{
    if (z->conventional || z->read_only || z->offline || z->full) {
        return false;
    }
    return z->open != SHUT || z->submitted > z->start;
}

static BlockZoneState model_state(const ModelZone *z)
{
    if (z->conventional) {
        return BLK_ZS_NOT_WP;
    } else if (z->read_only) {
        return BLK_ZS_RDONLY;
    } else if (z->offline) {
        return BLK_ZS_OFFLINE;
    } else if (z->full) {
        return BLK_ZS_FULL;
    } else if (z->open == OPENED_BY_USER) {
        return BLK_ZS_EOPEN;
    } else if (z->open == OPENED_BY_WRITE) {
        return BLK_ZS_IOPEN;
    }
    return z->submitted > z->start ? BLK_ZS_CLOSED : BLK_ZS_EMPTY;
}

static void model_init(Model *m, const ZoneGeometry *g)
{
    *m = (Model) { .g = *g };
    for (uint64_t start = 0; start < g->size; start += g->zone_size) {
        ModelZone *z = &m->zones[m->n];

        z->conventional = m->n < g->conventional_zones;
        z->start = start;
        z->end = MIN(start + g->zone_size, g->size);
        z->writable_end = MIN(start + g->zone_capacity, z->end);
        z->submitted = start;
        z->completed = start;
        m->n++;
    }
}

/* Find resources to open @z, or to keep it open, for a write or for a user */
static int model_open(Model *m, ModelZone *z, ModelOpen how)
{
    uint32_t active = 0, open = 0;
    ModelZone *oldest = NULL;

    for (ModelZone *o = m->zones; o < m->zones + m->n; o++) {
        active += model_active(o);
        open += o->open != SHUT;
        if (o->open == OPENED_BY_WRITE &&
            (!oldest || o->last_write < oldest->last_write)) {
            oldest = o;
        }
    }
    if (!model_active(z) && m->g.max_active_zones &&
        active == m->g.max_active_zones) {
        return -BLK_ZERR_ACTIVE;
    }
    if (z->open == SHUT && m->g.max_open_zones && open == m->g.max_open_zones) {
        if (!oldest) {
            return -BLK_ZERR_OPEN;
        }
        oldest->open = SHUT;
    }
    z->open = MAX(z->open, how);
    return 0;
}

static int model_mgmt(Model *m, BlockZoneOp op, ModelZone *z)
{
    bool unchangeable = z->conventional || z->read_only || z->offline;
    bool partly = z->open != SHUT || model_active(z);

    if (unchangeable && op != BLK_ZO_RESET_ALL) {
        return z->read_only ? -BLK_ZERR_RDONLY :
               z->offline ? -BLK_ZERR_OFFLINE : -BLK_ZERR_INVALID;
    }
    switch (op) {
    case BLK_ZO_OPEN:
        return z->full ? -BLK_ZERR_INVALID : model_open(m, z, OPENED_BY_USER);
    case BLK_ZO_CLOSE:
        z->open = SHUT;
        return partly ? 0 : -BLK_ZERR_INVALID;
    case BLK_ZO_FINISH:
        z->open = SHUT;
        z->full = true;
        return 0;
    default:
        if (!unchangeable) {
            z->open = SHUT;
            z->full = false;
            z->submitted = z->completed = z->start;
        }
        return 0;
    }
}

/* The zone at @offset, NULL if there is none */
static ModelZone *model_find(Model *m, uint64_t offset)
{
    for (uint32_t i = 0; i < m->n; i++) {
        if (offset < m->zones[i].end) {
            return &m->zones[i];
        }
    }
    return NULL;
}

static int model_place(Model *m, uint64_t offset, uint64_t bytes)
{
    if (offset + bytes > m->g.size) {
        return -EIO;
    }
    for (uint32_t i = 0; i < m->n; i++) {
        ModelZone *z = &m->zones[i];

        if (!z->conventional && offset < z->end && offset + bytes > z->start &&
            bytes && (offset < z->start || offset + bytes > z->end)) {
            return -BLK_ZERR_INVALID;
        }
    }
    return 0;
}

static int model_write_here(Model *m, ModelZone *z, uint64_t offset,
                            uint64_t bytes)
{
    int ret;

    if (z->read_only) {
        return -BLK_ZERR_RDONLY;
    } else if (z->offline) {
        return -BLK_ZERR_OFFLINE;
    } else if (bytes == 0 || z->conventional) {
        return 0;
    } else if (z->full || z->submitted == z->writable_end) {
        return -BLK_ZERR_INVALID;
    } else if (offset != z->submitted || bytes % m->g.write_granularity) {
        return -BLK_ZERR_NOT_AT_WP;
    } else if (offset + bytes > z->writable_end) {
        return -BLK_ZERR_INVALID;
    }
    ret = model_open(m, z, OPENED_BY_WRITE);
    if (ret == 0) {
        z->submitted += bytes;
        z->last_write = ++m->clock;
    }
    return ret;
}

static int model_write(Model *m, uint64_t offset, uint64_t bytes)
{
    int ret = model_place(m, offset, bytes);
    ModelZone *z = model_find(m, offset);

    return ret == 0 && z ? model_write_here(m, z, offset, bytes) : ret;
}

static int model_append(Model *m, uint64_t offset, uint64_t bytes,
                        uint64_t *where)
{
    int ret = model_place(m, offset, bytes);
    ModelZone *z = model_find(m, offset);
    uint64_t wp;

    if (ret < 0) {
        return ret;
    } else if (!z) {
        return -EIO;
    } else if (z->conventional || z->start != offset) {
        return -BLK_ZERR_INVALID;
    }
    wp = z->submitted;
    ret = model_write_here(m, z, wp, bytes);
    if (ret == 0) {
        *where = wp;
    }
    return ret;
}

static int model_read(Model *m, uint64_t offset, uint64_t bytes)
{
    int ret = model_place(m, offset, bytes);
    ModelZone *z = model_find(m, offset);

    return ret == 0 && z && z->offline ? -BLK_ZERR_OFFLINE : ret;
}

static void compare(const Model *m, const ZoneSet *zs)
{
    uint32_t count[BLK_ZS_OFFLINE + 1] = {};

    for (uint32_t i = 0; i < m->n; i++) {
        const ModelZone *z = &m->zones[i];
        BlockZoneState state = model_state(z);
        bool has_wp = state == BLK_ZS_EMPTY || model_active(z);

        count[state]++;
        assert_zone(zs, i, blk_zone_state_name(state),
                    z->submitted - z->start);
        assert_desc(zs, i, z->start, z->end - z->start,
                    (z->conventional ? z->end : z->writable_end) - z->start,
                    has_wp ? z->submitted : z->end,
                    z->conventional ? BLK_ZT_CONV : BLK_ZT_SWR,
                    blk_zone_state_name(state));
    }
    for (int state = 0; state <= BLK_ZS_OFFLINE; state++) {
        g_assert_cmpuint(zone_set_count(zs, state), ==, count[state]);
    }
}

static bool one_in(int n)
{
    return g_test_rand_int_range(0, n) == 0;
}

/* A number of granules in [0, @max], both ends more often than the rest */
static uint64_t random_granules(const ZoneGeometry *g, uint64_t max)
{
    uint64_t n = max / g->write_granularity;

    switch (g_test_rand_int_range(0, 4)) {
    case 0:
        return 0;
    case 1:
        return n * g->write_granularity;
    default:
        return g_test_rand_int_range(0, n + 1) * g->write_granularity;
    }
}

static ZoneGeometry random_geometry(void)
{
    uint32_t gran = one_in(2) ? 512 : 4096;
    uint32_t n = g_test_rand_int_range(1, MODEL_MAX_ZONES + 1);
    ZoneGeometry g = {
        .zone_size = gran * 8,
        .write_granularity = gran,
        .conventional_zones = one_in(2) ? 0 : g_test_rand_int_range(0, n + 1),
        .max_open_zones = g_test_rand_int_range(0, 5),
        .max_active_zones = one_in(3) ? 0 : g_test_rand_int_range(1, 7),
    };

    g.size = n * g.zone_size - gran * g_test_rand_int_range(0, 8);
    g.zone_capacity = gran * g_test_rand_int_range(1, 9);
    if (g.max_active_zones) {
        g.max_open_zones = MIN(g.max_open_zones, g.max_active_zones);
    }
    return g;
}

/* States that a medium may hold, and those that it may not */
static void random_load(Model *m, ZoneSet *zs)
{
    static const BlockZoneState states[] = {
        BLK_ZS_EMPTY, BLK_ZS_CLOSED, BLK_ZS_FULL, BLK_ZS_RDONLY,
        BLK_ZS_OFFLINE,
    };

    for (uint32_t i = 0; i < m->n; i++) {
        ModelZone *z = &m->zones[i];
        ModelZone old = *z;
        BlockZoneState state = states[g_test_rand_int_range(0, 5)];
        uint64_t cap = z->writable_end - z->start;
        uint64_t wp = random_granules(&m->g, cap);
        uint32_t active = 0;
        int ret = 0;

        for (uint32_t j = 0; j < m->n; j++) {
            active += model_active(&m->zones[j]);
        }
        z->submitted = z->completed = z->start + wp;
        z->full = state == BLK_ZS_FULL;
        z->read_only = state == BLK_ZS_RDONLY;
        z->offline = state == BLK_ZS_OFFLINE;
        if (z->conventional || model_state(z) != state ||
            (state == BLK_ZS_CLOSED && wp == cap)) {
            ret = -EINVAL;
        } else if (model_active(z) && m->g.max_active_zones &&
                   active == m->g.max_active_zones) {
            ret = -BLK_ZERR_ACTIVE;
        }
        if (ret < 0) {
            *z = old;
        }
        g_assert_cmpint(zone_set_load(zs, i, state, wp), ==, ret);
    }
}

/* Now and then, a number that fits nothing */
static uint64_t disturb(const Model *m, uint64_t x)
{
    switch (g_test_rand_int_range(0, 40)) {
    case 0:
        return x + 1;
    case 1:
        return x + m->g.write_granularity;
    case 2:
        return x + m->g.zone_size;
    case 3:
        return x + m->g.write_granularity / 2;
    case 4:
        return m->g.size;
    case 5:
        return 0;
    default:
        return x;
    }
}

static void random_write(Model *m, ZoneSet *zs, ModelZone *z)
{
    uint64_t offset = disturb(m, z->submitted);
    uint64_t left = z->writable_end - z->submitted;
    uint64_t bytes = disturb(m, one_in(4) ? left : m->g.write_granularity);

    g_assert_cmpint(zone_set_write_begin(zs, offset, bytes), ==,
                    model_write(m, offset, bytes));
}

static void random_append(Model *m, ZoneSet *zs, ModelZone *z)
{
    uint64_t offset = disturb(m, z->start);
    uint64_t bytes = disturb(m, m->g.write_granularity);
    uint64_t where = 1, model_where = 1;

    g_assert_cmpint(zone_set_append_begin(zs, offset, bytes, &where), ==,
                    model_append(m, offset, bytes, &model_where));
    g_assert_cmpuint(where, ==, model_where);
}

static void random_read(Model *m, ZoneSet *zs, ModelZone *z)
{
    uint64_t offset = disturb(m, z->start);
    uint64_t bytes = disturb(m, z->end - z->start);

    g_assert_cmpint(zone_set_check_read(zs, offset, bytes), ==,
                    model_read(m, offset, bytes));
}

static void random_completion(Model *m, ZoneSet *zs, ModelZone *z)
{
    uint32_t i = z - m->zones;

    if (z->conventional || z->submitted == z->completed) {
        return;
    }
    z->completed += random_granules(&m->g, z->submitted - z->completed);
    zone_set_write_end(zs, i, z->completed - z->start);
    if (z->completed == z->writable_end) {
        z->full = true;
        z->open = SHUT;
    } else if (one_in(3)) {
        zone_set_write_abort(zs, i, z->completed - z->start);
        z->submitted = z->completed;
    }
}

static void random_mgmt(Model *m, ZoneSet *zs, ModelZone *z)
{
    BlockZoneOp op = g_test_rand_int_range(0, BLK_ZO_RESET_ALL + 1);

    if (z->submitted == z->completed) {
        g_assert_cmpint(zone_set_mgmt(zs, op, z - m->zones), ==,
                        model_mgmt(m, op, z));
    }
}

/* A finished zone comes back from a fault as its write pointer says */
static int model_fault(Model *m, BlockZoneFault fault, ModelZone *z)
{
    ModelZone usable = *z;
    uint32_t active = 0;

    if (z->conventional) {
        return -BLK_ZERR_INVALID;
    }
    if (fault != BLK_ZF_NONE) {
        z->open = SHUT;
        z->read_only = fault == BLK_ZF_RDONLY;
        z->offline = fault == BLK_ZF_OFFLINE;
        return 0;
    }
    if (!z->read_only && !z->offline) {
        return 0;
    }
    usable.read_only = usable.offline = false;
    usable.full = z->submitted == z->writable_end;
    for (uint32_t i = 0; i < m->n; i++) {
        active += model_active(&m->zones[i]);
    }
    if (model_active(&usable) && m->g.max_active_zones &&
        active == m->g.max_active_zones) {
        return -BLK_ZERR_ACTIVE;
    }
    *z = usable;
    return 0;
}

static void random_fault(Model *m, ZoneSet *zs, ModelZone *z)
{
    BlockZoneFault fault = one_in(4) ? g_test_rand_int_range(1, 3)
                                     : BLK_ZF_NONE;

    if (z->submitted == z->completed) {
        g_assert_cmpint(zone_set_fault(zs, fault, z - m->zones), ==,
                        model_fault(m, fault, z));
    }
}

static void test_random(void)
{
    for (int round = 0; round < 200; round++) {
        ZoneGeometry g = random_geometry();
        ZoneSet *zs = zone_set_new(&g);
        Model m;

        g_test_message("%" PRIu64 " bytes, zones of %" PRIu64 ", capacity %"
                       PRIu64 ", granularity %" PRIu32 ", %" PRIu32
                       " conventional, at most %" PRIu32 " open, %" PRIu32
                       " active", g.size, g.zone_size, g.zone_capacity,
                       g.write_granularity, g.conventional_zones,
                       g.max_open_zones, g.max_active_zones);
        model_init(&m, &g);
        if (one_in(2)) {
            random_load(&m, zs);
        }
        compare(&m, zs);
        for (int step = 0; step < 1000; step++) {
            ModelZone *z = &m.zones[g_test_rand_int_range(0, m.n)];

            switch (g_test_rand_int_range(0, 11)) {
            case 0 ... 2:
                random_write(&m, zs, z);
                break;
            case 3 ... 4:
                random_append(&m, zs, z);
                break;
            case 5:
                random_read(&m, zs, z);
                break;
            case 6 ... 7:
                random_completion(&m, zs, z);
                break;
            case 8:
                random_fault(&m, zs, z);
                break;
            default:
                random_mgmt(&m, zs, z);
                break;
            }
            compare(&m, zs);
        }
        zone_set_free(zs);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    g_test_add_func("/zone-set/random", test_random);

    return g_test_run();
}
