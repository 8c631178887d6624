// What the C++ programs of the tests have in common.
#ifndef CHECK_HPP
#define FAIL(what)                                                   \
    do {                                                             \
        std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, what); \
        std::abort();                                                \
    } while (0)

#define CHECK(condition)                    \
    do {                                    \
        if (!(condition)) FAIL(#condition); \
    } while (0)

#endif
