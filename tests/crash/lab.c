/*
 * Crash laboratory: run a case, and crash it at every moment
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/main-loop.h"
#include "sysemu/block-backend.h"
#include "disk.h"
#include "lab.h"

/* All subsets of so many missing writes are tried */
#define MAX_SUBSET 5

/*
 * @model: what the guest was told until now
 * @medium, @blk: of the disk in use
 * @crashed: medium of the crash images
 * @requests: Request, those in flight
 * @managed: for each zone, how many management requests are in flight
 * @explored: no crash before this moment is of interest
 * @violation: what is wrong, NULL: nothing
 */
typedef struct Lab {
    const Case *c;
    const LabEffort *effort;
    LabStats *stats;
    uint64_t clock;
    ZonedHeader header;
    Model *model;
    Medium *medium;
    BlockBackend *blk;
    Medium *crashed;
    uint64_t crashed_clock;
    GPtrArray *requests;
    unsigned *managed;
    uint64_t explored;
    Random random;
    bool killed;
    char *violation;
} Lab;

/* A new version of a zone, which a request is to bring about */
typedef struct Change {
    uint32_t zone;
    unsigned version;
} Change;

/* A request of the guest */
typedef struct Request {
    Lab *lab;
    StepKind kind;
    uint64_t offset;
    uint64_t bytes;
    uint64_t expected;
    uint8_t *data;
    uint64_t submitted;
    GArray *changes;
    ConvWrite *conv;
    Coroutine *co;
} Request;

static Lab *running;

static void G_GNUC_PRINTF(2, 3) violate(Lab *lab, const char *fmt, ...)
{
    va_list ap;

    if (!lab->violation) {
        va_start(ap, fmt);
        lab->violation = g_strdup_vprintf(fmt, ap);
        va_end(ap);
    }
}

bool lab_in_write(void)
{
    unsigned i;

    if (!running || !qemu_in_coroutine()) {
        return false;
    }
    for (i = 0; i < running->requests->len; i++) {
        Request *r = g_ptr_array_index(running->requests, i);

        if (r->co == qemu_coroutine_self()) {
            return r->kind == STEP_WRITE || r->kind == STEP_ZEROES ||
                   r->kind == STEP_APPEND;
        }
    }
    return false;
}

/*
 * Crash images
 */

/* What a write was to, for people */
static char *describe_place(Lab *lab, const MediumWrite *w)
{
    const ZoneGeometry *g = &lab->c->geometry;
    uint64_t block = w->offset / ZONED_BLOCK_SIZE;

    if (w->offset >= lab->header.data_offset) {
        uint64_t o = w->offset - lab->header.data_offset;

        return g_strdup_printf("zone %" PRIu32 " at %" PRIu64,
                               zone_geometry_index(g, o), o % g->zone_size);
    }
    if (block < ZONED_TABLE_BLOCK) {
        return g_strdup_printf("copy %" PRIu64 " of the %s", block % 2,
                               block < ZONED_ROOT_BLOCK ? "header" : "root");
    }
    block -= ZONED_TABLE_BLOCK;
    return g_strdup_printf("copy %" PRIu64 " of table block %" PRIu64,
                           block / zoned_table_blocks(&lab->header),
                           block % zoned_table_blocks(&lab->header));
}

static void describe_write(Lab *lab, const MediumWrite *w, uint64_t moment,
                           const MediumPart *part, GString *s)
{
    g_autofree char *place = describe_place(lab, w);

    g_string_append_printf(s, "  %s of %s, %" PRIu64 " bytes: ",
                           w->data ? "write" : "discard", place, w->bytes);
    if (!medium_in_doubt(w, moment)) {
        g_string_append(s, "durable\n");
    } else if (part->from == part->to) {
        g_string_append(s, "missing\n");
    } else if (part->to - part->from == w->bytes) {
        g_string_append(s, "there\n");
    } else {
        g_string_append_printf(s, "torn, only bytes %" PRIu64 " to %" PRIu64
                               "\n", part->from, part->to - 1);
    }
}

/* Tell of all writes up to the crash, the last ones at least */
static void violate_by_crash(Lab *lab, uint64_t moment,
                             const MediumPart *parts, char *error)
{
    GString *s = g_string_new(error);
    unsigned i, from = lab->medium->log->len;
    from = from > 40 ? from - 40 : 0;

    g_string_append(s, "\nThe crash left of the last writes:\n");
    for (i = from; i < lab->medium->log->len; i++) {
        const MediumWrite *w = g_ptr_array_index(lab->medium->log, i);

        if (w->submitted < moment) {
            describe_write(lab, w, moment, &parts[i], s);
        }
    }
    violate(lab, "%s", s->str);
    g_string_free(s, true);
    g_free(error);
}

/*
 * Whether a root is torn inside of a sector.  Where sectors are written as a
 * whole, there is no such thing: what differs from root to root is in the
 * first sector.
 */
static bool torn_root(Lab *lab, uint64_t moment, const MediumPart *parts)
{
    unsigned i;

    for (i = 0; i < lab->medium->log->len; i++) {
        const MediumWrite *w = g_ptr_array_index(lab->medium->log, i);

        if (w->offset < ZONED_TABLE_BLOCK * ZONED_BLOCK_SIZE &&
            medium_in_doubt(w, moment) &&
            (parts[i].from % SECTOR || parts[i].to % SECTOR)) {
            return true;
        }
    }
    return false;
}

/* The image on lab->crashed is held against the model */
static char *check_crashed(Lab *lab, uint64_t moment, bool torn)
{
    g_autofree unsigned *versions = g_new0(unsigned, lab->model->nr_zones);
    Error *err = NULL;
    BlockBackend *blk = disk_open(lab->crashed, "crashed", &err);
    char *error;

    if (!blk) {
        error = g_strdup_printf("image cannot be opened: %s",
                                error_get_pretty(err));
        error_free(err);
        return error;
    }
    error = disk_inspect(blk, lab->model, moment, torn, versions);
    if (error) {
        blk_unref(blk);
        return error;
    }
    return disk_use(blk, lab->crashed, lab->model, lab->stats->images & 1,
                    lab->stats->images & 2);
}

static void try_image(Lab *lab, uint64_t moment, const MediumPart *parts)
{
    char *error;

    if (lab->violation) {
        return;
    }
    medium_image(lab->medium, moment, parts, lab->crashed->base);
    medium_restart(lab->crashed);
    lab->stats->images++;
    error = check_crashed(lab, moment, torn_root(lab, moment, parts));
    if (error) {
        violate_by_crash(lab, moment, parts, error);
    }
}

static MediumPart whole(const MediumWrite *w)
{
    return (MediumPart) { .from = 0, .to = w->bytes };
}

/* Data is torn between sectors, metadata anywhere */
static MediumPart random_part(Lab *lab, const MediumWrite *w, Random *r)
{
    bool meta = w->offset < lab->header.data_offset;
    uint64_t at = random_below(r, w->bytes / SECTOR) * SECTOR;

    if (meta && random_below(r, 2)) {
        at = random_below(r, random_below(r, 2) ? 96 : w->bytes);
    }
    switch (random_below(r, 3)) {
    case 0:
        return (MediumPart) { .from = 0, .to = at };
    case 1:
        return (MediumPart) { .from = at, .to = w->bytes };
    default:
        return (MediumPart) {
            .from = at, .to = at + random_below(r, w->bytes - at + 1)
                                   / SECTOR * SECTOR,
        };
    }
}

/*
 * One moment at which a crash can leave something new.
 *
 * @doubtful: indices of those writes that can be missing, without @last
 * @last: index of the write that has just begun, of which something is there:
 *        without it, nothing is new; -1: there is none
 */
typedef struct Point {
    Lab *lab;
    uint64_t moment;
    GArray *doubtful;
    int last;
    MediumPart *parts;
    GHashTable *tried;
} Point;

static const MediumWrite *point_write(Point *p, int i)
{
    return g_ptr_array_index(p->lab->medium->log, i);
}

static unsigned point_doubtful(Point *p, unsigned n)
{
    return g_array_index(p->doubtful, unsigned, n);
}

/* Unless the same parts were tried before */
static void point_try(Point *p)
{
    uint64_t hash = 0;
    unsigned n;

    for (n = 0; n <= p->doubtful->len; n++) {
        int i = n < p->doubtful->len ? point_doubtful(p, n) : p->last;

        if (i >= 0) {
            MediumPart part = p->parts[i];

            if (part.from == part.to) {
                part = (MediumPart) { 0, 0 };
            }
            hash = mix64(hash ^ part.from << 32 ^ part.to);
        }
    }
    if (g_hash_table_add(p->tried, GSIZE_TO_POINTER(hash))) {
        try_image(p->lab, p->moment, p->parts);
    }
}

/* Of the doubtful writes, those are there whose bit is set in @mask */
static void point_set(Point *p, uint64_t mask)
{
    unsigned n;

    for (n = 0; n < p->doubtful->len; n++) {
        unsigned i = point_doubtful(p, n);

        p->parts[i] = mask >> (n % 64) & 1 ? whole(point_write(p, i))
                                           : (MediumPart) { 0, 0 };
    }
    if (p->last >= 0) {
        p->parts[p->last] = whole(point_write(p, p->last));
    }
}

static void point_try_random(Point *p, Random *r)
{
    unsigned n;

    point_set(p, random_below(r, 2) ? random_next(r) :
                 random_below(r, 2) ? random_next(r) | random_next(r) :
                                      random_next(r) & random_next(r));
    for (n = 0; n < p->doubtful->len; n++) {
        unsigned i = point_doubtful(p, n);

        if (random_below(r, 8) == 0) {
            p->parts[i] = random_part(p->lab, point_write(p, i), r);
        }
    }
    if (p->last >= 0 && random_below(r, 2)) {
        p->parts[p->last] = random_part(p->lab, point_write(p, p->last), r);
    }
    point_try(p);
}

/* The last write is torn after @at bytes, or only has what is behind that */
static void point_tear(Point *p, uint64_t at)
{
    const MediumWrite *w = point_write(p, p->last);

    p->parts[p->last] = (MediumPart) { 0, at };
    point_try(p);
    p->parts[p->last] = (MediumPart) { at, w->bytes };
    point_try(p);
}

static void point_tear_all(Point *p)
{
    const MediumWrite *w = point_write(p, p->last);
    uint64_t at;

    for (at = SECTOR; at < w->bytes; at += SECTOR) {
        point_tear(p, at);
    }
    if (w->offset < p->lab->header.data_offset) {
        for (at = 4; at < 96; at += 4) {
            point_tear(p, at);
        }
    }
}

static void point_try_all(Point *p)
{
    unsigned n = p->doubtful->len;
    uint64_t mask;

    if (n <= MAX_SUBSET) {
        for (mask = 0; mask < 1ULL << n; mask++) {
            point_set(p, mask);
            point_try(p);
        }
    } else {
        for (mask = 0; mask < n; mask++) {
            point_set(p, ~(1ULL << (mask % 64)));
            point_try(p);
        }
    }
    if (p->last >= 0) {
        point_set(p, 0);
        point_tear_all(p);
        point_set(p, -1);
        point_tear_all(p);
    }
}

static void explore_point(Lab *lab, uint64_t moment, int last)
{
    Point p = {
        .lab = lab,
        .moment = moment,
        .last = last,
        .doubtful = g_array_new(false, false, sizeof(unsigned)),
        .parts = g_new0(MediumPart, lab->medium->log->len),
        .tried = g_hash_table_new(NULL, NULL),
    };
    unsigned i;

    for (i = 0; i < lab->medium->log->len; i++) {
        if (i != last && medium_in_doubt(point_write(&p, i), moment)) {
            g_array_append_val(p.doubtful, i);
        }
    }

    point_set(&p, -1);
    point_try(&p);
    point_set(&p, 0);
    point_try(&p);
    for (i = 0; i < lab->effort->random; i++) {
        point_try_random(&p, &lab->random);
    }
    if (lab->effort->all) {
        point_try_all(&p);
    }

    g_hash_table_destroy(p.tried);
    g_free(p.parts);
    g_array_free(p.doubtful, true);
}

/*
 * Crash at all moments since the last time.  Something new is left after the
 * beginning of each write; and after each flush, something old may no longer
 * be left.
 */
static void explore(Lab *lab)
{
    unsigned i;

    for (i = 0; i < lab->medium->log->len && !lab->violation; i++) {
        const MediumWrite *w = g_ptr_array_index(lab->medium->log, i);

        if (w->submitted >= lab->explored) {
            explore_point(lab, w->submitted + 1, i);
        }
    }
    for (i = 0; i < lab->model->flushes->len && !lab->violation; i++) {
        const FlushModel *f = g_ptr_array_index(lab->model->flushes, i);

        if (f->told >= lab->explored) {
            explore_point(lab, f->told + 1, -1);
        }
    }
    lab->explored = lab->clock;
}

/*
 * Requests
 */

/* The new version is like the one before but for what the caller changes */
static ZoneVersion *add_change(Request *r, uint32_t zone)
{
    Model *m = r->lab->model;
    ZoneVersion v = *model_last(m, zone);
    Change c = { .zone = zone, .version = m->zones[zone].versions->len };

    v.submitted = r->submitted;
    v.told = NEVER;
    v.stamp = 0;
    model_add(m, zone, &v);
    g_array_append_val(r->changes, c);
    return model_last(m, zone);
}

static void add_reset(Request *r, uint32_t zone)
{
    ZoneVersion *v = add_change(r, zone);

    v->first = r->lab->model->zones[zone].versions->len - 1;
    v->wp = 0;
    v->finished = false;
}

static void manage_zones(Request *r, int count)
{
    const ZoneGeometry *g = &r->lab->c->geometry;
    uint32_t i;

    if (r->kind == STEP_WRITE || r->kind == STEP_ZEROES ||
        r->kind == STEP_APPEND || r->kind == STEP_FLUSH) {
        return;
    }
    for (i = zone_geometry_index(g, r->offset);
         i <= zone_geometry_index(g, r->offset + r->bytes - 1); i++) {
        r->lab->managed[i] += count;
    }
}

/* The request has succeeded, and the guest is told so */
static void request_told(Request *r)
{
    Lab *lab = r->lab;
    uint64_t now = lab->clock++;
    unsigned i;

    for (i = 0; i < r->changes->len; i++) {
        Change *c = &g_array_index(r->changes, Change, i);

        model_version(lab->model, c->zone, c->version)->told = now;
    }
    if (r->conv) {
        r->conv->told = now;
    }
    if (r->kind == STEP_FLUSH) {
        model_flushed(lab->model, r->submitted, now);
    }
    if (r->kind == STEP_APPEND && r->offset != r->expected) {
        violate(lab, "append went to %" PRIu64 ", not %" PRIu64, r->offset,
                r->expected);
    }
}

static void request_failed(Request *r, int ret)
{
    Lab *lab = r->lab;
    unsigned i;

    if (!blk_zone_error_is(ret)) {
        violate(lab, "%s fails: %s", step_name(r->kind), strerror(-ret));
        return;
    }
    lab->stats->refused++;
    for (i = 0; i < r->changes->len; i++) {
        Change *c = &g_array_index(r->changes, Change, i);

        if (c->version != lab->model->zones[c->zone].versions->len - 1) {
            violate(lab, "%s to zone %" PRIu32 " was refused after others had "
                    "been admitted", step_name(r->kind), c->zone);
            return;
        }
        model_drop(lab->model, c->zone);
    }
}

static int coroutine_fn request_do(Request *r)
{
    BlockBackend *blk = r->lab->blk;
    QEMUIOVector qiov;

    switch (r->kind) {
    case STEP_WRITE:
        return blk_co_pwrite(blk, r->offset, r->bytes, r->data, 0);
    case STEP_ZEROES:
        return blk_co_pwrite_zeroes(blk, r->offset, r->bytes, 0);
    case STEP_APPEND:
        qemu_iovec_init_buf(&qiov, r->data, r->bytes);
        return blk_co_zone_append(blk, (int64_t *)&r->offset, &qiov, 0);
    case STEP_OPEN:
        return blk_co_zone_mgmt(blk, BLK_ZO_OPEN, r->offset, r->bytes);
    case STEP_CLOSE:
        return blk_co_zone_mgmt(blk, BLK_ZO_CLOSE, r->offset, r->bytes);
    case STEP_FINISH:
        return blk_co_zone_mgmt(blk, BLK_ZO_FINISH, r->offset, r->bytes);
    case STEP_RESET:
    case STEP_RESET_ALL:
        return blk_co_zone_mgmt(blk, BLK_ZO_RESET, r->offset, r->bytes);
    case STEP_FLUSH:
        return blk_co_flush(blk);
    default:
        g_assert_not_reached();
    }
}

static void coroutine_fn request_run(void *opaque)
{
    Request *r = opaque;
    Lab *lab = r->lab;
    int ret = request_do(r);

    /* A QEMU that was killed has answered nothing */
    if (!lab->killed) {
        if (ret >= 0) {
            request_told(r);
        } else {
            request_failed(r, ret);
        }
    }
    manage_zones(r, -1);
    g_ptr_array_remove(lab->requests, r);
    g_array_free(r->changes, true);
    g_free(r->data);
    g_free(r);
}

static Request *request_new(Lab *lab, StepKind kind, uint64_t offset,
                            uint64_t bytes)
{
    Request *r = g_new0(Request, 1);

    r->lab = lab;
    r->kind = kind;
    r->offset = offset;
    r->bytes = bytes;
    r->submitted = lab->clock++;
    r->changes = g_array_new(false, false, sizeof(Change));
    return r;
}

static void request_submit(Request *r)
{
    manage_zones(r, 1);
    r->lab->stats->requests++;
    g_ptr_array_add(r->lab->requests, r);
    r->co = qemu_coroutine_create(request_run, r);
    qemu_coroutine_enter(r->co);
}

/*
 * Steps.  One that makes no sense where the case has come to does nothing:
 * cases are random, and shrunk ones have lost what came before.
 */

static void set_data(Request *r, uint64_t offset, uint32_t stamp)
{
    r->data = g_malloc(r->bytes);
    model_fill(r->data, offset, r->bytes, stamp);
}

/* Requests in flight that overlap have no order */
static bool conv_is_busy(Lab *lab, uint64_t offset, uint64_t bytes)
{
    unsigned i;

    for (i = 0; i < lab->requests->len; i++) {
        Request *r = g_ptr_array_index(lab->requests, i);

        if (r->conv && r->offset < offset + bytes &&
            offset < r->offset + r->bytes) {
            return true;
        }
    }
    return false;
}

static void step_write_conv(Lab *lab, const Step *s, uint32_t stamp)
{
    const ZoneGeometry *g = &lab->c->geometry;
    uint64_t length = zone_geometry_length(g, s->arg[0]);
    uint64_t from = (uint64_t)s->arg[2] * g->write_granularity;
    uint64_t offset = zone_geometry_start(g, s->arg[0]) + from;
    uint64_t bytes;
    Request *r;

    if (from >= length) {
        return;
    }
    bytes = MIN((uint64_t)s->arg[1] * g->write_granularity, length - from);
    if (conv_is_busy(lab, offset, bytes)) {
        return;
    }
    r = request_new(lab, s->kind, offset, bytes);
    set_data(r, offset, stamp);
    r->conv = model_add_conv(lab->model, &(ConvWrite) {
        .offset = offset,
        .bytes = bytes,
        .stamp = stamp,
        .submitted = r->submitted,
        .told = NEVER,
    });
    request_submit(r);
}

static void step_write(Lab *lab, const Step *s, uint32_t stamp)
{
    const ZoneGeometry *g = &lab->c->geometry;
    uint32_t zone = s->arg[0];
    uint64_t start = zone_geometry_start(g, zone);
    uint64_t left;
    ZoneVersion *v;
    Request *r;

    if (zone_geometry_is_conventional(g, zone)) {
        if (s->kind != STEP_APPEND) {
            step_write_conv(lab, s, stamp);
        }
        return;
    }
    v = model_last(lab->model, zone);
    left = zone_geometry_capacity(g, zone) - v->wp;
    if (v->finished || !left || lab->managed[zone] ||
        lab->model->zones[zone].fixed != BLK_ZS_EMPTY) {
        return;
    }
    r = request_new(lab, s->kind, s->kind == STEP_APPEND ? start
                                                         : start + v->wp,
                    MIN((uint64_t)s->arg[1] * g->write_granularity, left));
    r->expected = start + v->wp;
    set_data(r, r->expected, stamp);
    v = add_change(r, zone);
    v->wp += r->bytes;
    v->stamp = stamp;
    request_submit(r);
}

static void step_manage(Lab *lab, const Step *s)
{
    const ZoneGeometry *g = &lab->c->geometry;
    uint32_t zone = s->arg[0];
    Request *r;

    if (lab->managed[zone]) {
        return;
    }
    r = request_new(lab, s->kind, zone_geometry_start(g, zone),
                    zone_geometry_length(g, zone));
    if (!zone_geometry_is_conventional(g, zone) &&
        lab->model->zones[zone].fixed == BLK_ZS_EMPTY) {
        if (s->kind == STEP_RESET) {
            add_reset(r, zone);
        } else if (s->kind == STEP_FINISH) {
            add_change(r, zone)->finished = true;
        }
    }
    request_submit(r);
}

static void step_reset_all(Lab *lab)
{
    const ZoneGeometry *g = &lab->c->geometry;
    Request *r;
    uint32_t i;

    for (i = 0; i < lab->model->nr_zones; i++) {
        if (lab->managed[i]) {
            return;
        }
    }
    r = request_new(lab, STEP_RESET_ALL, 0, g->size);
    for (i = g->conventional_zones; i < lab->model->nr_zones; i++) {
        if (lab->model->zones[i].fixed == BLK_ZS_EMPTY &&
            model_last(lab->model, i)->submitted) {
            add_reset(r, i);
        }
    }
    request_submit(r);
}

static void step_complete(Lab *lab, unsigned n)
{
    if (lab->medium->pending->len) {
        medium_complete(lab->medium, n % lab->medium->pending->len);
    }
}

static void step_drain(Lab *lab)
{
    while (lab->requests->len && !lab->violation) {
        if (!lab->medium->pending->len &&
            !aio_poll(qemu_get_aio_context(), false)) {
            violate(lab, "a request hangs");
        }
        step_complete(lab, 0);
    }
}

static void open_disk(Lab *lab)
{
    Error *err = NULL;

    lab->medium->hold = false;
    lab->blk = disk_open(lab->medium, "disk", &err);
    if (!lab->blk) {
        violate(lab, "image cannot be opened: %s", error_get_pretty(err));
        error_free(err);
    }
}

/* Open the image after a crash, and go on from what is found there */
static void recover(Lab *lab, bool durable, bool torn)
{
    g_autofree unsigned *versions = g_new0(unsigned, lab->model->nr_zones);
    uint32_t i;
    char *error;

    open_disk(lab);
    if (lab->violation) {
        return;
    }
    error = disk_inspect(lab->blk, lab->model, lab->clock, torn,
                         versions);
    if (error) {
        violate(lab, "%s", error);
        g_free(error);
        return;
    }
    for (i = lab->c->geometry.conventional_zones; i < lab->model->nr_zones;
         i++) {
        model_adopt(lab->model, i, versions[i], durable);
    }
    if (durable) {
        disk_adopt_conv(lab->blk, lab->model);
    }
    lab->explored = lab->clock;
    lab->medium->hold = true;
}

/* A close is a flush, and more */
static void step_reopen(Lab *lab)
{
    uint64_t submitted;

    step_drain(lab);
    if (lab->violation) {
        return;
    }
    submitted = lab->clock++;
    lab->medium->hold = false;
    blk_unref(lab->blk);
    lab->blk = NULL;
    model_flushed(lab->model, submitted, lab->clock++);
    explore(lab);
    if (!lab->violation) {
        recover(lab, false, false);
    }
}

static uint64_t choose(void *opaque, uint64_t n)
{
    return random_below(opaque, n);
}

static void kill_program(Lab *lab, uint64_t seed)
{
    Random r = { .state = mix64(seed) };

    lab->killed = true;
    medium_kill(lab->medium, choose, &r);
    while (lab->requests->len) {
        aio_poll(qemu_get_aio_context(), true);
    }
    blk_unref(lab->blk);
    lab->blk = NULL;
    lab->killed = false;
    medium_revive(lab->medium);
}

static void step_kill(Lab *lab, unsigned seed)
{
    explore(lab);
    if (!lab->violation) {
        kill_program(lab, seed);
        recover(lab, false, false);
    }
}

static void step_cut(Lab *lab, unsigned seed)
{
    Random r = { .state = mix64(seed) };
    g_autofree MediumPart *parts = g_new0(MediumPart, lab->medium->log->len);
    uint64_t moment = lab->clock;
    bool torn;
    unsigned i;

    explore(lab);
    if (lab->violation) {
        return;
    }
    for (i = 0; i < lab->medium->log->len; i++) {
        const MediumWrite *w = g_ptr_array_index(lab->medium->log, i);

        if (random_below(&r, 2)) {
            parts[i] = whole(w);
        } else if (random_below(&r, 2)) {
            parts[i] = random_part(lab, w, &r);
        }
    }
    torn = torn_root(lab, moment, parts);
    medium_image(lab->medium, moment, parts, lab->medium->base);
    kill_program(lab, seed);
    medium_restart(lab->medium);
    recover(lab, true, torn);
}

static void run_step(Lab *lab, const Step *s, uint32_t stamp)
{
    bool has_zone = s->kind <= STEP_RESET;

    if (has_zone && s->arg[0] >= lab->model->nr_zones) {
        return;
    }
    switch (s->kind) {
    case STEP_WRITE:
    case STEP_APPEND:
        step_write(lab, s, stamp);
        break;
    case STEP_ZEROES:
        step_write(lab, s, 0);
        break;
    case STEP_RESET_ALL:
        step_reset_all(lab);
        break;
    case STEP_FLUSH:
        request_submit(request_new(lab, STEP_FLUSH, 0, 0));
        break;
    case STEP_COMPLETE:
        step_complete(lab, s->arg[0]);
        break;
    case STEP_DRAIN:
        step_drain(lab);
        break;
    case STEP_REOPEN:
        step_reopen(lab);
        break;
    case STEP_KILL:
        step_kill(lab, s->arg[0]);
        break;
    case STEP_CUT:
        step_cut(lab, s->arg[0]);
        break;
    default:
        step_manage(lab, s);
        break;
    }
    if (lab->medium->overlap) {
        violate(lab, "two writes in flight overlap on the medium");
    }
}

/*
 * Cases
 */

static void lab_begin(Lab *lab, const Case *c, const LabEffort *effort,
                      LabStats *stats)
{
    *lab = (Lab) {
        .c = c,
        .effort = effort,
        .stats = stats,
        .clock = 1,
        .model = model_new(&c->geometry),
        .requests = g_ptr_array_new(),
        .random.state = mix64(effort->seed),
    };
    lab->managed = g_new0(unsigned, lab->model->nr_zones);
    if (c->readonly) {
        lab->model->zones[c->readonly].fixed = BLK_ZS_RDONLY;
    }
    if (c->offline) {
        lab->model->zones[c->offline].fixed = BLK_ZS_OFFLINE;
    }
    lab->medium = disk_create(c, &lab->header, &lab->clock);
    lab->crashed = medium_new(lab->medium->data_offset, lab->medium->length,
                              &lab->crashed_clock);
    lab->crashed_clock = 1;
    open_disk(lab);
    lab->medium->hold = true;
    running = lab;
}

static void lab_end(Lab *lab)
{
    if (lab->blk) {
        kill_program(lab, 0);
    }
    running = NULL;
    medium_free(lab->crashed);
    medium_free(lab->medium);
    model_free(lab->model);
    g_ptr_array_free(lab->requests, true);
    g_free(lab->managed);
}

char *lab_run(const Case *c, const LabEffort *effort, LabStats *stats)
{
    Lab lab;
    unsigned i;

    lab_begin(&lab, c, effort, stats);
    for (i = 0; i < c->steps->len && !lab.violation; i++) {
        run_step(&lab, case_step(c, i), i + 1);
        if (lab.violation && !strchr(lab.violation, '\n')) {
            char *with_step = g_strdup_printf("at step %u: %s", i + 1,
                                              lab.violation);
            g_free(lab.violation);
            lab.violation = with_step;
        }
    }
    if (!lab.violation) {
        explore(&lab);
    }
    stats->cases++;
    lab_end(&lab);
    return lab.violation;
}

/*
 * Shrinking: leave out steps, many at once first, as long as it goes wrong
 */

/*
 * Whether @c still goes wrong, and in the way that @violation describes: what
 * comes before the first number in it
 */
static bool goes_wrong(const Case *c, const LabEffort *effort,
                       const char *violation)
{
    LabStats stats = { .images = 0 };
    g_autofree char *again = lab_run(c, effort, &stats);

    return again && !strncmp(again, violation,
                             strcspn(violation, "0123456789:"));
}

static bool shrink_by(Case *c, unsigned n, const LabEffort *effort,
                      const char *violation)
{
    bool shrunk = false;
    unsigned i = c->steps->len;

    while (i > 0) {
        Case *less = case_copy(c);
        unsigned first = i > n ? i - n : 0;

        g_array_remove_range(less->steps, first, i - first);
        if (goes_wrong(less, effort, violation)) {
            g_array_set_size(c->steps, 0);
            g_array_append_vals(c->steps, less->steps->data, less->steps->len);
            shrunk = true;
        }
        case_free(less);
        i = first;
    }
    return shrunk;
}

/* Writes of one granule are the smallest */
static void shrink_lengths(Case *c, const LabEffort *effort,
                           const char *violation)
{
    unsigned i;

    for (i = 0; i < c->steps->len; i++) {
        Step *s = &g_array_index(c->steps, Step, i);
        unsigned length = s->arg[1];

        if (s->kind <= STEP_APPEND && length > 1) {
            s->arg[1] = 1;
            if (!goes_wrong(c, effort, violation)) {
                s->arg[1] = length;
            }
        }
    }
}

Case *lab_shrink(const Case *c, const LabEffort *effort, const char *violation)
{
    LabEffort all = *effort;
    Case *small = case_copy(c);
    unsigned n;

    all.all = true;
    for (n = c->steps->len / 2; n > 0; n /= 2) {
        shrink_by(small, n, effort, violation);
    }
    while (shrink_by(small, 1, &all, violation)) {
        /* again */
    }
    shrink_lengths(small, &all, violation);
    return small;
}
