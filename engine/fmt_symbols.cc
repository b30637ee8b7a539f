// The torch wheel brings the headers of a newer fmt than the system's, but not its library, and its
// include folder comes first wherever LibTorch is used. This file is that library: the non-inline
// parts of whichever fmt the headers are. Versions live in namespaces of their own (fmt::v12 beside
// the system's fmt::v9), so that both may be in one program.
#include <fmt/format-inl.h>

FMT_BEGIN_NAMESPACE
namespace detail {

template auto dragonbox::to_decimal(float x) noexcept -> dragonbox::decimal_fp<float>;
template auto dragonbox::to_decimal(double x) noexcept -> dragonbox::decimal_fp<double>;
template auto thousands_sep_impl(locale_ref) -> thousands_sep_result<char>;
template auto decimal_point_impl(locale_ref) -> char;
template void buffer<char>::append(const char*, const char*);

}  // namespace detail
FMT_END_NAMESPACE
