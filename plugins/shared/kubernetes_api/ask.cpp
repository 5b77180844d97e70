#include "kubernetes_api/ask.hpp"

namespace tocsin_plugins::kube {
namespace {

class Asked : public Receiver {
 public:
  explicit Asked(std::size_t most) : most_(most) {}
  void begun(long) override {}
  bool took(std::string_view bytes) override {
    if (answer.body.size() + bytes.size() > most_) return too_long_ = true, false;
    answer.body.append(bytes);
    return true;
  }
  void ended(const Outcome& outcome) override {
    answer.outcome = outcome;
    if (too_long_) answer.outcome.error = "the answer is longer than " + std::to_string(most_ >> 20) + " MiB";
    over = true;
  }

  Answer answer;
  bool over = false;

 private:
  const std::size_t most_;
  bool too_long_ = false;
};

}  // namespace

Answer ask(Transport& transport, const Question& question, std::size_t most_body,
           const std::function<bool()>& stopping) {
  Asked asked(most_body);
  try {
    transport.get(asked, question);
    while (!asked.over && !stopping()) transport.run(std::chrono::milliseconds(100));
    if (!asked.over) asked.answer.outcome.error = "it was stopped meanwhile";
  } catch (const std::exception& error) {
    asked.answer.outcome.error = error.what();
  }
  transport.clear();
  return std::move(asked.answer);
}

}  // namespace tocsin_plugins::kube
