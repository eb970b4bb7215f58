/*
 * Crash laboratory: cases, as random ones are made and as text
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "block/zoned-layout.h"
#include "case.h"

/* @weight: how often a random case has it, of all weights together */
static const struct {
    const char *name;
    unsigned nr_args;
    unsigned weight;
} step_kinds[STEP__MAX] = {
    [STEP_WRITE] =      { "write", 3, 150 },
    [STEP_ZEROES] =     { "zeroes", 3, 20 },
    [STEP_APPEND] =     { "append", 2, 80 },
    [STEP_OPEN] =       { "open", 1, 15 },
    [STEP_CLOSE] =      { "close", 1, 10 },
    [STEP_FINISH] =     { "finish", 1, 20 },
    [STEP_RESET] =      { "reset", 1, 70 },
    [STEP_RESET_ALL] =  { "reset-all", 0, 5 },
    [STEP_FLUSH] =      { "flush", 0, 80 },
    [STEP_COMPLETE] =   { "complete", 1, 450 },
    [STEP_DRAIN] =      { "drain", 0, 60 },
    [STEP_REOPEN] =     { "reopen", 0, 8 },
    [STEP_KILL] =       { "kill", 1, 16 },
    [STEP_CUT] =        { "cut", 1, 16 },
};

const char *step_name(StepKind kind)
{
    return step_kinds[kind].name;
}

Case *case_new(void)
{
    Case *c = g_new0(Case, 1);

    c->steps = g_array_new(false, false, sizeof(Step));
    return c;
}

void case_free(Case *c)
{
    g_array_free(c->steps, true);
    g_free(c);
}

Case *case_copy(const Case *c)
{
    Case *copy = case_new();

    g_array_append_vals(copy->steps, c->steps->data, c->steps->len);
    copy->geometry = c->geometry;
    copy->readonly = c->readonly;
    copy->offline = c->offline;
    return copy;
}

/*
 * Random cases
 */

/* A zone table of two blocks; zones are small so that this stays quick */
static void generate_wide(Case *c, Random *r)
{
    c->geometry = (ZoneGeometry) {
        .zone_size = 2 * KiB,
        .zone_capacity = 2 * KiB,
        .write_granularity = 512,
    };
    c->geometry.size = (ZONED_ZONES_PER_BLOCK + 2 + random_below(r, 4)) *
                       c->geometry.zone_size;
}

static void generate_narrow(Case *c, Random *r)
{
    ZoneGeometry *g = &c->geometry;
    uint32_t granule = random_below(r, 2) ? 512 : 4096;
    uint64_t granules = 4 << random_below(r, 3);

    *g = (ZoneGeometry) {
        .zone_size = granules * granule,
        .zone_capacity = (granules - random_below(r, granules / 2)) * granule,
        .conventional_zones = random_below(r, 2),
        .write_granularity = granule,
    };
    g->size = (3 + random_below(r, 5)) * g->zone_size -
              random_below(r, granules) * granule;
}

static void generate_geometry(Case *c, Random *r)
{
    ZoneGeometry *g = &c->geometry;

    if (random_below(r, 5) == 0) {
        generate_wide(c, r);
    } else {
        generate_narrow(c, r);
    }
    if (random_below(r, 3) == 0) {
        g->max_open_zones = 1 + random_below(r, 3);
    }
    if (random_below(r, 3) == 0) {
        g->max_active_zones = MAX(g->max_open_zones, 1) + random_below(r, 3);
    }
    if (random_below(r, 4) == 0) {
        c->readonly = zone_geometry_nr_zones(g) - 1;
    }
    if (random_below(r, 4) == 0) {
        c->offline = zone_geometry_nr_zones(g) - 2;
    }
}

static StepKind generate_kind(Random *r)
{
    unsigned n, sum = 0, kind;

    for (kind = 0; kind < STEP__MAX; kind++) {
        sum += step_kinds[kind].weight;
    }
    n = random_below(r, sum);
    for (kind = 0; n >= step_kinds[kind].weight; kind++) {
        n -= step_kinds[kind].weight;
    }
    return kind;
}

/* Few zones, so that they meet again: the first ones, and the last ones */
static unsigned generate_zone(const Case *c, Random *r)
{
    uint32_t nr_zones = zone_geometry_nr_zones(&c->geometry);
    uint64_t n = random_below(r, 4);

    return n & 1 ? nr_zones - 1 - random_below(r, MIN(nr_zones, 4)) : n / 2;
}

static void generate_step(Case *c, Random *r)
{
    const ZoneGeometry *g = &c->geometry;
    uint64_t granules = g->zone_capacity / g->write_granularity;
    Step s = { .kind = generate_kind(r) };

    switch (s.kind) {
    case STEP_COMPLETE:
        s.arg[0] = random_below(r, 2) ? 0 : random_below(r, 8);
        break;
    case STEP_KILL:
    case STEP_CUT:
        s.arg[0] = random_below(r, 1000);
        break;
    default:
        s.arg[0] = generate_zone(c, r);
        s.arg[1] = 1 + random_below(r, random_below(r, 2) ? 2 : granules);
        s.arg[2] = random_below(r, granules);
        break;
    }
    g_array_append_val(c->steps, s);
}

Case *case_generate(uint64_t seed)
{
    Random r = { .state = mix64(seed) };
    Case *c = case_new();
    unsigned n = 20 + random_below(&r, 80);

    generate_geometry(c, &r);
    while (c->steps->len < n) {
        generate_step(c, &r);
    }
    return c;
}

/*
 * Text
 */

char *case_print(const Case *c)
{
    const ZoneGeometry *g = &c->geometry;
    GString *s = g_string_new(NULL);
    unsigned i, j;

    g_string_append_printf(s, "size %" PRIu64 "\n", g->size);
    g_string_append_printf(s, "zone_size %" PRIu64 "\n", g->zone_size);
    g_string_append_printf(s, "zone_capacity %" PRIu64 "\n", g->zone_capacity);
    g_string_append_printf(s, "write_granularity %u\n", g->write_granularity);
    g_string_append_printf(s, "conventional_zones %u\n", g->conventional_zones);
    g_string_append_printf(s, "max_open_zones %u\n", g->max_open_zones);
    g_string_append_printf(s, "max_active_zones %u\n", g->max_active_zones);
    g_string_append_printf(s, "readonly %u\n", c->readonly);
    g_string_append_printf(s, "offline %u\n\n", c->offline);

    for (i = 0; i < c->steps->len; i++) {
        const Step *step = case_step(c, i);

        g_string_append(s, step_name(step->kind));
        for (j = 0; j < step_kinds[step->kind].nr_args; j++) {
            g_string_append_printf(s, " %u", step->arg[j]);
        }
        g_string_append_c(s, '\n');
    }
    return g_string_free(s, false);
}

static bool parse_setting(Case *c, const char *name, uint64_t value)
{
    ZoneGeometry *g = &c->geometry;

    if (!strcmp(name, "size")) {
        g->size = value;
    } else if (!strcmp(name, "zone_size")) {
        g->zone_size = value;
    } else if (!strcmp(name, "zone_capacity")) {
        g->zone_capacity = value;
    } else if (!strcmp(name, "write_granularity")) {
        g->write_granularity = value;
    } else if (!strcmp(name, "conventional_zones")) {
        g->conventional_zones = value;
    } else if (!strcmp(name, "max_open_zones")) {
        g->max_open_zones = value;
    } else if (!strcmp(name, "max_active_zones")) {
        g->max_active_zones = value;
    } else if (!strcmp(name, "readonly")) {
        c->readonly = value;
    } else if (!strcmp(name, "offline")) {
        c->offline = value;
    } else {
        return false;
    }
    return true;
}

static bool parse_step(Case *c, const char *name, const uint64_t *args,
                       unsigned nr_args)
{
    Step s = { .kind = 0 };
    unsigned i;

    for (s.kind = 0; s.kind < STEP__MAX; s.kind++) {
        if (!strcmp(name, step_name(s.kind))) {
            break;
        }
    }
    if (s.kind == STEP__MAX || step_kinds[s.kind].nr_args != nr_args) {
        return false;
    }
    for (i = 0; i < nr_args; i++) {
        s.arg[i] = args[i];
    }
    g_array_append_val(c->steps, s);
    return true;
}

static bool parse_line(Case *c, const char *line)
{
    char name[32];
    uint64_t args[3];
    int n;

    if (!line[0] || line[0] == '#') {
        return true;
    }
    n = sscanf(line, "%31s %" SCNu64 " %" SCNu64 " %" SCNu64, name, &args[0],
               &args[1], &args[2]);
    return n >= 1 && (parse_step(c, name, args, n - 1) ||
                      (n == 2 && parse_setting(c, name, args[0])));
}

Case *case_parse(const char *text, Error **errp)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    Case *c = case_new();
    unsigned i;

    for (i = 0; lines[i]; i++) {
        if (!parse_line(c, lines[i])) {
            error_setg(errp, "line %u is wrong: %s", i + 1, lines[i]);
            case_free(c);
            return NULL;
        }
    }
    return c;
}
