// The mixed key: context and mean forecast side by side, start.key_mix the weight of the context.
#include <fmt/format.h>

#include "engine/keys/analog_keys.h"
#include "engine/keys/key_table.h"

namespace skipcast::engine {
namespace {

Result<std::unique_ptr<retrieval::Encoder>> mixed_encoder(const KeySource& source,
                                                          const StartOptions& start) {
  SKIPCAST_TRY(std::unique_ptr<retrieval::Encoder> context,
               find_key(KeyKind::kContext)->encoder(source, start));
  SKIPCAST_TRY(std::unique_ptr<retrieval::Encoder> forecast,
               find_key(KeyKind::kForecast)->encoder(source, start));
  return retrieval::make_mixed_encoder(std::move(context), std::move(forecast), start.key_mix,
                                       source.fit_origins);
}

std::string file_name(const StartOptions& start) {
  return fmt::format("mixed-{:g}", start.key_mix);
}

}  // namespace

constinit extern const KeyRow kMixedKey = {.kind = KeyKind::kMixed,
                                           .help = "context and mean forecast, weighted",
                                           .needs_mean = true,
                                           .encoder = mixed_encoder,
                                           .file_name = file_name};

}  // namespace skipcast::engine
