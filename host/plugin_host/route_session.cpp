// HTTP requests in, for plugins that declare routes.
#include "plugin_host/instance_core.hpp"

namespace tocsin::plugin_host {

void InstanceCore::handle(const Request& request, base::Time deadline, std::function<void(Response)> done) {
  auto pass = gate_.enter();
  if (!pass || !accepts_calls()) return done(problem(TSN_CANCELLED, settings_.name + " is stopping"));
  if (quarantined()) return done(problem(TSN_RETRY, settings_.name + " is quarantined: a call into it hangs"));
  if (type_.routes.handle == nullptr) return done(problem(TSN_UNSUPPORTED, settings_.name + " has no routes"));
  std::vector<tsn_label> headers;
  headers.reserve(request.headers.size());
  for (const auto& [name, value] : request.headers) headers.push_back({str(name), str(value)});
  tsn_request view{};
  view.size = sizeof view;
  view.header_count = static_cast<std::uint32_t>(headers.size());
  view.header_stride = sizeof(tsn_label);
  view.body_padding = request.body_padding;
  view.method = str(request.method);
  view.path = str(request.path);
  view.query = str(request.query);
  view.remote = str(request.remote);
  view.user = str(request.user);
  view.headers = headers.data();
  view.body = {request.body.data(), request.body.size()};
  view.certificate = str(request.certificate);

  auto box = std::make_shared<ResponseBox>();
  auto answer_request = [box, done = std::move(done)](const Answer& answer) { done(box->close(answer)); };
  tsn_token token = tokens_.open({CallKind::handle, deadline, std::move(answer_request), box, 0});
  tsn_err err = new_err();
  tsn_status status;
  {
    Entered entered(*mark_, EntryPoint::handle, until(EntryPoint::handle, deadline).limit_ms);
    Accounted accounted(usage_, Function::handle);
    status = accounted.ended(type_.routes.handle(self_, token, &view, box->abi(), base::to_ns(deadline), &err));
  }
  returned(token, status, status == TSN_PENDING ? Answer{} : answer_of(CallKind::handle, status, err));
}

}  // namespace tocsin::plugin_host
