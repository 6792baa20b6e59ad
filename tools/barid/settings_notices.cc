// Notices: who is told what, and in which words.
#include "core/lookup/files.h"
#include "deliver/notice_text.h"
#include "tools/barid/settings_parts.h"

namespace barid::tools {

using config::Configuration;

namespace {

/// Words of bounce_template_file; what is wrong with the file is told, and our own words are used.
NoticeTemplates words(const Configuration& configuration, const TemplateTimes& times,
                      const lookup::OpenContext& base) {
  const ConfigurationScope names = configuration.global();
  const std::string path = configuration.get("bounce_template_file");
  if (path.empty()) return builtin_notice_templates(names, times);
  const lookup::OpenContext context = base.about("bounce_template_file");
  const Result<std::string> content = context.read_file(path);
  if (!content.ok()) {
    context.warn(lookup::open_failure(path, content.error()) + "; the built-in words are used");
    return builtin_notice_templates(names, times);
  }
  config::Diagnostics diagnostics;
  NoticeTemplates templates = parse_notice_templates(*content, path, names, times, &diagnostics);
  for (const config::Diagnostic& warning : diagnostics.warnings) {
    context.warn(warning.str());
  }
  for (const config::Diagnostic& error : diagnostics.errors) {
    context.warn(error.str() + "; the built-in words are used");
  }
  return templates;
}

}  // namespace

NoticeSettings notice_settings(const Configuration& configuration,
                               const lookup::OpenContext& context) {
  NoticeSettings settings{
      .host_name = configuration.get("myhostname"),
      .origin = configuration.get("myorigin"),
      .mail_name = configuration.get("mail_name"),
      .bounce_size_limit = static_cast<uint64_t>(configuration.get_int("bounce_size_limit")),
      .threaded = configuration.get_bool("enable_threaded_bounces"),
      .queue_lifetime = configuration.get_time("maximal_queue_lifetime")};
  const auto postmaster = [&](std::string_view parameter) {
    return complete_mailbox(configuration.get(parameter), settings.origin);
  };
  NoticePolicy& policy = settings.policy;
  policy.classes = 0;
  for (const std::string& name : configuration.get_list("notify_classes")) {
    policy.classes |= notice_class(name);  // the schema has refused unknown ones
  }
  policy.double_bounce_address =
      configuration.get("double_bounce_sender") + "@" + settings.host_name;
  policy.bounce_postmaster = postmaster("bounce_notice_recipient");
  policy.second_bounce_postmaster = postmaster("2bounce_notice_recipient");
  policy.delay_postmaster = postmaster("delay_notice_recipient");
  settings.error_postmaster = postmaster("error_notice_recipient");
  policy.delay_warning_time = configuration.get_time("delay_warning_time");
  policy.confirm_delay_cleared = configuration.get_bool("confirm_delay_cleared");
  policy.verp_bounces = !configuration.get_bool("disable_verp_bounces");
  settings.words =
      words(configuration,
            {.delay_warning = policy.delay_warning_time, .queue_lifetime = settings.queue_lifetime},
            context);
  return settings;
}

}  // namespace barid::tools
