#include "id_window.hpp"

#include <algorithm>
#include <cstring>

#include "digest/digest.hpp"

namespace tocsin_plugins::amqp {
namespace {

/// Then 8 bytes for each id, lowest first.
constexpr std::string_view head = "amqp-ids-1\n";

}  // namespace

std::uint64_t IdWindow::key_of(const Delivery& delivery, std::string_view header) {
  const std::string_view id = header.empty() ? std::string_view(delivery.message_id) : delivery.header(header);
  if (id.empty()) return 0;
  std::string text;
  for (const std::string_view part : {std::string_view(delivery.exchange), std::string_view(delivery.routing_key),
                                      std::string_view(delivery.app_id), id})
    text.append(std::to_string(part.size())).append(":").append(part);
  const std::string digest = sha256(text);
  std::uint64_t key = 0;
  std::memcpy(&key, digest.data(), sizeof key);
  return key ? key : 1;
}

void IdWindow::add(std::uint64_t key) {
  if (size_ == 0 || !known_.insert(key).second) return;
  order_.push_back(key);
  ++added_;
}

void IdWindow::commit() {
  added_ = 0;
  while (order_.size() > size_) {
    known_.erase(order_.front());
    order_.pop_front();
  }
}

void IdWindow::roll_back() {
  for (; added_ > 0; --added_) {
    known_.erase(order_.back());
    order_.pop_back();
  }
}

std::string IdWindow::cursor() const {
  std::string out(head);
  const std::size_t count = std::min(order_.size(), size_);
  out.reserve(head.size() + 8 * count);
  for (auto it = order_.end() - static_cast<std::ptrdiff_t>(count); it != order_.end(); ++it)
    for (int shift = 0; shift < 64; shift += 8) out.push_back(static_cast<char>(*it >> shift));
  return out;
}

bool IdWindow::load(std::string_view cursor) {
  order_.clear();
  known_.clear();
  added_ = 0;
  if (!cursor.starts_with(head) || (cursor.size() - head.size()) % 8 != 0) return false;
  cursor.remove_prefix(head.size());
  for (; !cursor.empty(); cursor.remove_prefix(8)) {
    std::uint64_t key = 0;
    for (int i = 0; i < 8; ++i) key |= static_cast<std::uint64_t>(static_cast<unsigned char>(cursor[i])) << (8 * i);
    add(key);
  }
  commit();
  return true;
}

}  // namespace tocsin_plugins::amqp
