// Is an HTML page well formed, and does it stand alone? For tests.
#pragma once

#include <string>

namespace skipcast::tests {

// "" when every tag is closed in the right order, attributes are quoted and no bare '<' or '&' is
// left in texts; else the first fault with what is round it. <style> and <script> are passed over.
std::string malformed(const std::string& page);

// "" when the page names nothing to be fetched: no address with http or https, no src, no <link>,
// no url() or @import, no href but to its own places; else the first of them.
std::string fetched(const std::string& page);

}  // namespace skipcast::tests
