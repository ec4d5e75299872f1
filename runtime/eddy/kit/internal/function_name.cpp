#include <eddy/kit/internal/function_name.hpp>

#include <eddy/base/description.hpp>
#include <eddy/base/internal/assert.hpp>
#include <eddy/base/internal/sys.hpp>
#include <eddy/base/unique_fd.hpp>

#include <elf.h>
#include <link.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

namespace eddy::internal {
namespace {

using Header = ElfW(Ehdr);
using Section = ElfW(Shdr);
using Symbol = ElfW(Sym);

// A program or a library as a file.
class ElfFile {
 public:
  explicit ElfFile(const char* path) : fd_(sys::open(path, O_RDONLY | O_CLOEXEC)) {}

  // The mangled name of the function at `address`, as the file counts; empty where none is known.
  std::string function_at(std::uintptr_t address) const {
    Header header;
    if (!read(0, &header, sizeof header) || header.e_shentsize != sizeof(Section)) return {};
    std::vector<Section> sections(header.e_shnum);
    if (!read(header.e_shoff, sections.data(), sections.size() * sizeof(Section))) return {};
    for (const Section& table : sections) {
      if (table.sh_type != SHT_SYMTAB || table.sh_link >= sections.size()) continue;
      return name_in(table, sections[table.sh_link], address);
    }
    return {};
  }

 private:
  bool read(std::uint64_t offset, void* into, std::size_t size) const {
    return sys::pread(fd_.get(), into, size, static_cast<off_t>(offset)) ==
           static_cast<ssize_t>(size);
  }

  // Part by part: a large program has megabytes of them.
  std::string name_in(const Section& table, const Section& names, std::uintptr_t address) const {
    EDDY_ASSERT(table.sh_type == SHT_SYMTAB);
    std::vector<Symbol> part(512);
    const std::uint64_t count = table.sh_size / sizeof(Symbol);
    for (std::uint64_t first = 0; first < count; first += part.size()) {
      part.resize(std::min<std::uint64_t>(part.size(), count - first));
      const std::uint64_t offset = table.sh_offset + first * sizeof(Symbol);
      if (!read(offset, part.data(), part.size() * sizeof(Symbol))) return {};
      for (const Symbol& symbol : part) {
        if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_shndx == SHN_UNDEF) continue;
        if (address < symbol.st_value || address - symbol.st_value >= symbol.st_size) continue;
        return text_at(names.sh_offset + symbol.st_name);
      }
    }
    return {};
  }

  // Names of templates may be longer: the beginning is what matters.
  std::string text_at(std::uint64_t offset) const {
    char text[4096];
    const auto size = sys::pread(fd_.get(), text, sizeof text, static_cast<off_t>(offset));
    return size <= 0 ? std::string() : std::string(text, ::strnlen(text, std::size_t(size)));
  }

  UniqueFd fd_;
};

// A coroutine's body is a clone of its function: "fetch(Url) [clone .resume]" of clang, and of GCC
// "fetch(fetch(Url)::_Z5fetch3Url.Frame*) [clone .actor]".
std::string readable(const std::string& mangled) {
  std::string name = demangled(mangled.c_str());
  name.resize(std::min(name.find(" [clone"), name.size()));
  return short_name(name);
}

std::string place_in(const std::string& path, std::uintptr_t offset) {
  char text[32];
  std::snprintf(text, sizeof text, "+0x%zx", static_cast<std::size_t>(offset));
  return path.substr(path.rfind('/') + 1) + text;
}

}  // namespace

std::string function_name(const void* address) {
  Dl_info info{};
  void* extra = nullptr;
  if (!address || !sys::dladdr1(address, &info, &extra, RTLD_DL_LINKMAP)) return {};
  EDDY_ASSERT(extra);
  EDDY_ASSERT(info.dli_fname);
  if (info.dli_sname) return readable(info.dli_sname);
  const auto& module = *static_cast<const link_map*>(extra);
  const bool program = module.l_name[0] == '\0';
  const std::uintptr_t offset = reinterpret_cast<std::uintptr_t>(address) - module.l_addr;
  const std::string found = ElfFile(program ? "/proc/self/exe" : module.l_name).function_at(offset);
  return found.empty() ? place_in(info.dli_fname, offset) : readable(found);
}

}  // namespace eddy::internal
