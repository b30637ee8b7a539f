// What a programme of this folder says when a library ends its process.
#pragma once

#include <string>

namespace skipcast::tests {

// Should the process die from here on (an assertion of a library, say), this is printed: the
// command line that comes here again. At most 400 characters.
void say_if_killed(const std::string& again);

}  // namespace skipcast::tests
