// links: tocsin_app
// libFuzzer target for action links as they come in: a text of anybody's, and bytes as if they were signed. What is
// read says the same again; nothing that was not sealed here opens.
#include "app/link_seal.hpp"
#include "base/base64.hpp"
#include "model/link_token.hpp"
#include "target.hpp"

using namespace tocsin;
using fuzz::require;

namespace {

void open_text(std::string_view text) {
  static const std::string key(app::link_key_size, 'k');
  if (const auto bytes = base::from_base64url(text)) {
    require(base::to_base64url(*bytes) == text, "a text stands for its bytes alone");
  }
  require(!app::unsealed(key, text), "what was not sealed here does not open");
}

void read_bytes(std::string_view bytes) {
  const auto token = model::unpack_link(bytes);
  if (!token) return;
  const auto again = model::pack(*token);
  if (!again) return;  // an end in 1970, which is none of ours
  require(*again == bytes, "what is read says the same again");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 4096) return 0;
  const fuzz::Exact text({reinterpret_cast<const char*>(data), size});
  open_text(text.view());
  read_bytes(text.view());
  return 0;
}
