// Where the signals of one instance go: series are interned, batches taken in, refused input reported. In the agent the
// inlet checks and hands to the port; in a runner process it passes everything on to the agent, which checks there.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "plugin_host/batch_pool.hpp"
#include "plugin_host/sequence.hpp"
#include "plugin_host/series_registry.hpp"
#include "plugin_host/session.hpp"
#include "tocsin/abi.h"

namespace tocsin::plugin_host {

struct DecodedBatch;

constexpr std::size_t max_cursor = 64 * 1024;  ///< bytes of the cursor that comes with a batch

/// Any thread. The functions mean what those of tsn_host mean.
class Inlet {
 public:
  struct Counts {
    std::uint64_t signals = 0, rejected = 0, errors = 0, refused = 0;  ///< refused: submits answered TSN_RETRY
  };
  virtual ~Inlet() = default;
  virtual tsn_status intern(tsn_str name, const tsn_label* labels, std::uint32_t count, tsn_series* out,
                            tsn_err* err) = 0;
  virtual tsn_status submit(const tsn_batch* batch, const tsn_bytes* cursor, tsn_submitted* out, tsn_err* err) = 0;
  virtual void reject(const tsn_reject& reject) = 0;
  virtual Counts counts() const = 0;
  /// What the host holds for it, an estimate.
  virtual std::uint64_t bytes() const { return 0; }
};

/// The agent's own: hostile blocks in, validated batches with row numbers out.
class AgentInlet final : public Inlet {
 public:
  /// `number` marks the series handles as this instance's. `settings` and `port` must outlive it.
  AgentInlet(const InstanceSettings& settings, std::string type, Port& port, std::uint32_t number);

  tsn_status intern(tsn_str name, const tsn_label* labels, std::uint32_t count, tsn_series* out, tsn_err* err) override;
  tsn_status submit(const tsn_batch* batch, const tsn_bytes* cursor, tsn_submitted* out, tsn_err* err) override;
  void reject(const tsn_reject& reject) override;
  Counts counts() const override;
  std::uint64_t bytes() const override { return series_.bytes() + batches_->bytes(); }

 private:
  tsn_status take(std::shared_ptr<model::SignalBatch> batch, const DecodedBatch& decoded, tsn_submitted* out,
                  tsn_err* err);
  void report_rejected(const DecodedBatch& decoded);

  const InstanceSettings& settings_;
  const std::string type_;
  Port& port_;
  SeriesRegistry series_;
  const std::shared_ptr<Sequence> sequence_;
  const std::shared_ptr<BatchPool> batches_;
  std::atomic<std::uint64_t> signals_{0}, rejected_{0}, errors_{0}, refused_{0};
  std::atomic<bool> cardinality_told_{false};
};

/// Numbers of instances are never used again; they mark handles as theirs. Any thread.
std::uint32_t next_instance_number();

}  // namespace tocsin::plugin_host
