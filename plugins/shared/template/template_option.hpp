// Options whose value is a template. Its text stands in the configuration, or comes from a file by
// "${file:templates/mail.txt}", which the host reads, so that an isolated plugin needs no access to it and a change of
// the file is a change of the option.
#pragma once

#include <optional>
#include <string_view>

#include "template/message_data.hpp"
#include "template/template.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

/// Nothing where the option is not given or empty. Throws a Failure that names the option, its line in the
/// configuration, and line and column within the template.
std::optional<Template> template_option(const tsn::Config& config, std::string_view key, Escape escape);

}  // namespace tocsin_plugins
