// doctest for files that also include LibTorch: LibTorch's logging defines CHECK and friends, which
// abort the process. Include this instead of <doctest/doctest.h>, before any other header that
// includes it.
#pragma once

#include <ATen/ATen.h>

#undef CHECK
#undef CHECK_EQ
#undef CHECK_NE
#undef CHECK_LT
#undef CHECK_LE
#undef CHECK_GT
#undef CHECK_GE

#include <doctest/doctest.h>
