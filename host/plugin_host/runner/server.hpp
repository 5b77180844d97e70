// The runner's work: instances made and called as the agent says, until it says no more.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "plugin_host/library.hpp"
#include "plugin_host/runner/link.hpp"
#include "plugin_host/runner/link_port.hpp"
#include "plugin_host/session.hpp"

namespace tocsin::plugin_host::runner {

class Server {
 public:
  /// `control`: the socket that libraries' descriptors come by.
  Server(Link& link, Region& region, int control);
  /// Serves on the calling thread until the link breaks; the agent ends the process. Calls that may wait run on the
  /// pool; evaluate runs here, because every thread that hands it on would cost more than most rules do.
  void run();
  /// A line in the agent's log, of the runner as a whole.
  void warn(const std::string& text);

 private:
  using Call = void (Server::*)(const Frame&, std::string_view);

  void dispatch(const Frame& frame, std::string_view content);
  /// Runs `call` on the pool, one at a time with others of the same instance where the plugin's contract asks for it.
  void later(const Frame& frame, std::string_view content, Call call);
  std::shared_ptr<Instance> instance(std::uint32_t number);

  void load(const Frame& frame, std::string_view content);
  void create(const Frame& frame, std::string_view content);
  void control(const Frame& frame, std::string_view content);
  void pull(const Frame& frame, std::string_view content);
  void load_script(const Frame& frame, std::string_view content);
  void compile(const Frame& frame, std::string_view content);
  void evaluate(const Frame& frame, std::string_view content);
  void send(const Frame& frame, std::string_view content);
  void look(const Frame& frame, std::string_view content);
  void handle(const Frame& frame, std::string_view content);

  Link& link_;
  LinkPort port_;
  const int control_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Library>> libraries_;  ///< by the path the agent knows them by
  std::map<std::uint32_t, std::shared_ptr<Instance>> instances_;
};

}  // namespace tocsin::plugin_host::runner
