// Opens a connection that it does not declare
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "zoo.hpp"

namespace {

struct Defect {
  ZOO_NAMES(uses_network, "Opens a connection that it does not declare");
  static void act(auto&) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(9);
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    (void)!connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    close(fd);
  }
};

}  // namespace

ZOO_PLUGIN(Defect)
