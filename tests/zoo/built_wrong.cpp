// Sound code in a file that is built or linked wrong: what is wrong is the build's (CMakeLists.txt) and, by macro,
// ours.
#include "zoo.hpp"

namespace {

#define ZOO_NAMES_OF(name, text) ZOO_NAMES(name, text)
struct Defect {
  ZOO_NAMES_OF(ZOO_NAME, "A file that is built wrong");
  static void act(auto&);
};

}  // namespace

#if defined(ZOO_TWO_EXPORTS)
extern "C" [[gnu::visibility("default")]] int zoo_second_export() {
  return 2;
}
#elif defined(ZOO_GNU_UNIQUE)
template <class T>
struct [[gnu::visibility("default")]] Unique {
  static inline int value = 7;
};
template struct Unique<int>;
#elif defined(ZOO_STATIC_TLS)
extern "C" {
[[gnu::tls_model("initial-exec")]] static thread_local int zoo_static_tls = 1;
}
#elif defined(ZOO_STUB)
extern "C" int zoo_of_stub();
#elif defined(ZOO_TEXT_RELOCATION)
asm(".text\n.globl zoo_absolute\n.hidden zoo_absolute\nzoo_absolute: .quad zoo_absolute\n");
extern "C" [[gnu::visibility("hidden")]] const std::uint64_t zoo_absolute;
#endif

void Defect::act([[maybe_unused]] auto& self) {
#if defined(ZOO_GNU_UNIQUE)
  ++Unique<int>::value;
#elif defined(ZOO_STATIC_TLS)
  ++zoo_static_tls;
#elif defined(ZOO_STUB)
  zoo_of_stub();
#elif defined(ZOO_TEXT_RELOCATION)
  if (*const_cast<const volatile std::uint64_t*>(&zoo_absolute) == 0) self.ctx.info("relocated to nothing");
#endif
}

TOCSIN_PLUGIN(zoo::Source<Defect>)
