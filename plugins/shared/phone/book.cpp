#include "phone/book.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "message_text/text.hpp"

namespace tocsin_plugins {
namespace {

using nlohmann::json;

constexpr const char* book_key = "phone.book";

std::string dumped(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

json written(const SentMessage& m) {
  return {{"id", m.id},        {"key", m.key},          {"address", m.address}, {"sent", m.sent},
          {"poll", m.poll_at}, {"repeat", m.repeat_at}, {"polls", m.polls},     {"repeats", m.repeats},
          {"word", m.word},    {"final", m.final},      {"fields", m.fields}};
}
json written(const EarlyWord& w) {
  return {{"id", w.id}, {"state", w.state}, {"digits", w.digits}, {"at", w.at}, {"tries", w.tries}};
}

SentMessage message_of(const json& j) {
  SentMessage m;
  m.id = j.at("id"), m.key = j.at("key"), m.address = j.at("address"), m.sent = j.at("sent");
  m.poll_at = j.at("poll"), m.repeat_at = j.at("repeat"), m.polls = j.at("polls"), m.repeats = j.at("repeats");
  m.word = j.at("word"), m.final = j.at("final"), m.fields = j.at("fields").get<decltype(m.fields)>();
  return m;
}
EarlyWord word_of(const json& j) {
  return {j.at("id"), j.at("state"), j.at("digits"), j.at("at"), j.at("tries")};
}

}  // namespace

void Book::load() {
  const auto kv = ctx_.kv();
  const auto text = kv ? kv.get(book_key) : std::nullopt;
  if (!text) return;
  try {
    const auto all = json::parse(*text);
    std::deque<SentMessage> sent;
    std::deque<EarlyWord> words;
    for (const auto& each : all.at("messages")) sent.push_back(message_of(each));
    for (const auto& each : all.at("early")) words.push_back(word_of(each));
    messages.swap(sent);
    early.swap(words);
  } catch (const json::exception&) {
    ctx_.warn("what was kept of messages on their way cannot be read; receipts of those are lost");
  }
}

void Book::save() {
  try {
    const auto kv = ctx_.kv();
    if (!kv) return;
    for (;;) {
      json sent = json::array(), words = json::array();
      for (const auto& each : messages) sent.push_back(written(each));
      for (const auto& each : early) words.push_back(written(each));
      const auto text = dumped({{"messages", std::move(sent)}, {"early", std::move(words)}});
      if (text.size() <= most_bytes) return kv.put(book_key, text);
      drop_one();
    }
  } catch (const std::exception& error) {
    ctx_.warn(std::string("messages on their way are not kept over a restart: ") + error.what());
  }
}

/// The oldest of what is over, then the oldest of all.
void Book::drop_one() {
  if (early.size() > 10) return early.pop_front();
  const auto over = std::find_if(messages.begin(), messages.end(), [](const SentMessage& m) { return m.final; });
  if (over != messages.end())
    messages.erase(over);
  else if (!messages.empty())
    messages.pop_front();
  else
    early.clear();
}

void Book::add(SentMessage message) {
  std::erase_if(messages, [&](const SentMessage& m) { return m.id == message.id; });
  messages.push_back(std::move(message));
  while (messages.size() > most_messages) {
    const auto over = std::find_if(messages.begin(), messages.end(), [](const SentMessage& m) { return m.final; });
    messages.erase(over == messages.end() ? messages.begin() : over);
  }
}

SentMessage* Book::find(std::string_view id) {
  const auto at = std::find_if(messages.begin(), messages.end(), [&](const SentMessage& m) { return m.id == id; });
  return at == messages.end() ? nullptr : &*at;
}

void Book::keep_early(EarlyWord word) {
  const auto same = [&](const EarlyWord& w) {
    return w.id == word.id && w.state == word.state && w.digits == word.digits;
  };
  if (std::any_of(early.begin(), early.end(), same)) return;
  early.push_back(std::move(word));
  if (early.size() > most_early) early.pop_front();
}

}  // namespace tocsin_plugins
