// Receivers as notifiers, contacts and targets.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "alertmanager/translation.hpp"

namespace tocsin::alertmanager {

class Receivers {
 public:
  /// Fills [notifier.*] and [contact.*] of `out`. All three must outlive it.
  Receivers(const base::Value& document, Secrets& secrets, Translation& out);

  void run();
  /// Whom a route with that receiver tells; nobody for a receiver without integrations.
  std::vector<std::string> targets(const std::string& receiver) const;

 private:
  struct Integration;
  struct Section {
    std::string name;
    base::Value table{base::Value::Table()};
  };

  void receiver(const base::Value& receiver);
  void webhook(Integration& in);
  void slack(Integration& in);
  void email(Integration& in);
  void http_config(Integration& in, std::initializer_list<const char*> handled);
  void authenticate(Integration& in, const base::Value& http);
  void tls(Integration& in, const base::Value& tls, const std::string& path);
  void proxy(Integration& in, const base::Value& http);
  void not_rendered(Integration& in, std::initializer_list<const char*> keys);
  void warn(Integration& in, const base::Place& place, const std::string& message);
  std::string secret(Integration& in, const base::Value& from, const char* key);
  std::string inherited(const Integration& in, const char* key, const char* global) const;
  std::string contact(const std::string& address, const base::Place& place);
  std::string unused(std::set<std::string>& names, const std::string& wanted) const;

  const base::Value& document_;
  const base::Value& global_;
  Secrets& secrets_;
  Translation& out_;
  base::Value notifiers_{base::Value::Table()}, contacts_{base::Value::Table()};
  std::set<std::string> notifier_names_, contact_names_;
  std::map<std::string, std::string> contact_of_;  ///< by address
  std::map<std::string, std::vector<std::string>> targets_;
};

/// Letters, digits, - and _; everything else becomes one dash. Never empty.
std::string plain_name(std::string_view text);
/// `$` before "${file:" is doubled, so that a text means itself.
std::string literal(std::string text);

}  // namespace tocsin::alertmanager
