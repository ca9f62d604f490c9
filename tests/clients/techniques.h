/* What the programs of techniques share: a table of them, which the test reads as well, and the
 * choice of one by the command line. */
#include <string.h>

struct technique {
    const char *name;
    int (*run)(void);
    /* What it is aimed at; without, at whatever the command line says. */
    const char *aim;
};

/* Runs the technique of that name and aim; 2 when there is none. */
static int run_technique(const struct technique *all, size_t count, const char *name, const char *aim) {
    for (const struct technique *one = all; one < all + count; one++)
        if (!strcmp(name, one->name) && (!one->aim || !strcmp(aim, one->aim))) return one->run();
    return 2;
}
