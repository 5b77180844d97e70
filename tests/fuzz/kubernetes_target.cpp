// links: kubernetes_objects
// libFuzzer target for what an API server and a kubelet say: the first byte chooses what the rest is. A stream that
// comes in pieces is read as it is in one; facts have names, and texts of their own length and good UTF-8.
#include "target.hpp"

#include "kubeconfig.hpp"
#include "kubernetes_api/refusal.hpp"
#include "lines.hpp"
#include "reader.hpp"
#include "utf8/utf8.hpp"

using namespace tocsin_plugins::kube;
using fuzz::require;

namespace {

constexpr std::size_t longest_line = 4096;

void check(const Object& object) {
  require(!object.key.empty(), "an object has a key");
  require(object.count >= 1 && object.at >= 0, "an event happened at least once");
  for (const auto& fact : object.facts) {
    require(fact.name.starts_with("kubernetes."), "a fact has a name");
    require(fact.text.size() <= 8192, "texts have an end");
    for (const auto& [key, value] : fact.labels) {
      std::string scratch;
      require(!key.empty() && value.size() <= 256, "labels have an end");
      require(tocsin_plugins::utf8::clean(value, scratch).data() == value.data(), "labels are good UTF-8");
    }
  }
}

/// What a watch says, in pieces of `step` bytes.
std::string read_stream(std::string_view bytes, std::size_t step, Kind kind) {
  Lines lines(longest_line);
  Reader reader(longest_line);
  std::string seen;
  while (!bytes.empty()) {
    const auto piece = bytes.substr(0, step);
    bytes.remove_prefix(piece.size());
    lines.feed(piece, [&](std::string_view line) {
      require(!line.empty() && line.size() <= longest_line, "a line has an end");
      Change change;
      std::string error;
      if (!reader.change(line, kind, change, error)) {
        require(!error.empty(), "a mistake has a reason");
        return seen += "?", true;
      }
      if (change.type != Change::Type::error) require(!change.object.version.empty(), "a change has a version");
      if (change.type < Change::Type::bookmark) check(change.object);
      seen += std::to_string(static_cast<int>(change.type)) + change.object.key + "@" + change.object.version + "\n";
      return true;
    });
    require(lines.kept() <= longest_line, "memory is bounded");
  }
  return seen + std::to_string(lines.take_skipped());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto what = input.below(8);
  const auto kind = static_cast<Kind>(input.below(5));
  const fuzz::Exact text(input.rest());
  std::string error;
  if (what < 4) {
    const auto whole = read_stream(text.view(), text.view().size() + 1, kind);
    require(read_stream(text.view(), 1 + what * 7, kind) == whole, "pieces make the same lines");
  } else if (what == 4) {
    Page page;
    if (!Reader::page(text.view(), kind, page, error)) return require(!error.empty(), "a mistake has a reason"), 0;
    require(!page.version.empty(), "a list has a version");
    for (const auto& object : page.objects) check(object);
  } else if (what == 5) {
    std::vector<Volume> volumes;
    if (!Reader::summary(text.view(), volumes, error)) return require(!error.empty(), "a mistake has a reason"), 0;
    for (const auto& volume : volumes)
      require(!volume.claim.empty() && volume.capacity > 0 && volume.used >= 0, "a volume has a size");
  } else if (what == 6) {
    const auto refusal = read_refusal(text.view());
    require(refusal.code >= 0 && refusal.retry_seconds >= 0 && refusal.message.size() <= 512, "a refusal is bounded");
  } else {
    try {
      const auto access = read_kubeconfig(text.view(), "config", "/etc", "");
      require(!access.url.empty(), "a server has an address");
    } catch (const tsn::Failure& failure) {
      require(std::string_view(failure.what()).starts_with("kubeconfig config: "), "a mistake names the file");
    }
  }
  return 0;
}
