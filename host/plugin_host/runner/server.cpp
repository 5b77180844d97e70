#include "plugin_host/runner/server.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "plugin_host/instance_core.hpp"
#include "plugin_host/runner/evaluation.hpp"
#include "plugin_host/runner/messages.hpp"

namespace tocsin::plugin_host::runner {

using base::fail;
using base::Fault;
using base::Result;

namespace {

/// The next descriptor on the control socket, or none.
OwnedFd receive_descriptor(int socket) {
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = space;
  message.msg_controllen = sizeof space;
  if (::recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1) return OwnedFd();
  const cmsghdr* head = CMSG_FIRSTHDR(&message);
  if (head == nullptr || head->cmsg_type != SCM_RIGHTS) return OwnedFd();
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(head), sizeof fd);
  return OwnedFd(fd);
}

template <class T>
Writer outcome(const Result<T>& result) {
  Writer out;
  if (result)
    out(std::uint8_t{0});
  else
    write_failure(out, result.error());
  return out;
}

/// Inputs declared during compile() and evaluate() are asked of the agent, by the number of that call.
struct InputAsker {
  Link& link;
  const Frame& call;
  tsn_inputs abi{};

  InputAsker(Link& to, const Frame& of) : link(to), call(of) {
    abi.size = sizeof abi;
    abi.ctx = this;
    abi.add = &add;
  }
  static tsn_status add(const tsn_inputs* self, const tsn_input* input, std::uint32_t* column, tsn_err* err) {
    if (self == nullptr || self->ctx == nullptr || input == nullptr || column == nullptr || !sound(input->selector))
      return refuse(err, TSN_INVALID, "add: an input and a place for its column are needed");
    auto& asker = *static_cast<InputAsker*>(self->ctx);
    const auto in = copy_sized(input);
    Writer content;
    content(in.aggregate, view(in.selector), in.over, in.offset);
    std::string answer;
    if (asker.link.call(Kind::add_input, asker.call.instance, asker.call.id, {content.bytes}, never, answer) !=
        Link::End::answered)
      return refuse(err, TSN_CANCELLED, "the agent is gone");
    Reader out(answer);
    const auto status = out.value<tsn_status>();
    *column = out.value<std::uint32_t>();
    return status == TSN_OK ? status : refuse(err, status, out.text());
  }
};

}  // namespace

Server::Server(Link& link, Region& region, int control) : link_(link), port_(link, region), control_(control) {}

void Server::run() {
  Frame frame;
  Link::Content content;
  while (link_.next(frame, content)) dispatch(frame, content.view());
}

void Server::warn(const std::string& text) {
  port_.log({}, TSN_LOG_WARN, text);
}

void Server::dispatch(const Frame& frame, std::string_view content) {
  switch (static_cast<Kind>(frame.kind)) {
    case Kind::evaluate:
      return evaluate(frame, content);
    case Kind::load:
      return load(frame, content);  // in order with its descriptor
    case Kind::create:
      return later(frame, content, &Server::create);
    case Kind::pull:
      return later(frame, content, &Server::pull);
    case Kind::load_script:
      return later(frame, content, &Server::load_script);
    case Kind::compile:
      return later(frame, content, &Server::compile);
    case Kind::deliver:
    case Kind::upsert:
      return later(frame, content, &Server::send);
    case Kind::handle:
      return later(frame, content, &Server::handle);
    case Kind::sync:
    case Kind::probe:
    case Kind::query:
      return later(frame, content, &Server::look);
    default:
      return later(frame, content, &Server::control);
  }
}

void Server::later(const Frame& frame, std::string_view content, Call call) {
  port_.pool().post([this, frame, content = std::string(content), call] {
    if (static_cast<Kind>(frame.kind) == Kind::create || instance(frame.instance)) return (this->*call)(frame, content);
    // Only an agent that is confused asks for one; it must not wait for ever.
    link_.answer(frame, outcome<void>(fail(Fault::not_found, "the runner has no such instance")).bytes);
  });
}

std::shared_ptr<Instance> Server::instance(std::uint32_t number) {
  std::lock_guard lock(mutex_);
  const auto it = instances_.find(number);
  return it == instances_.end() ? nullptr : it->second;
}

void Server::load(const Frame& frame, std::string_view content) {
  const std::string path(Reader(content).text());
  auto library = load_library(receive_descriptor(control_), path);
  if (library) {
    std::lock_guard lock(mutex_);
    libraries_[path] = *library;
  }
  link_.answer(frame, outcome(library).bytes);
}

void Server::create(const Frame& frame, std::string_view content) {
  CreateParts parts;
  Reader{content}(parts);
  std::shared_ptr<Library> library;
  {
    std::lock_guard lock(mutex_);
    library = libraries_[parts.library];
  }
  if (!library)
    return link_.answer(frame, outcome<void>(fail(Fault::internal, parts.library + ": was not loaded")).bytes);
  InstanceSettings settings;
  settings.name = parts.name;
  settings.type = parts.type;
  settings.config = std::move(parts.config);
  settings.data_dir = parts.data_dir;
  settings.replay = parts.replay;
  port_.name(parts.name, frame.instance);
  auto made = create_instance(std::move(library), std::move(settings), port_,
                              std::make_unique<LinkInlet>(link_, frame.instance));
  Writer out = outcome(made);
  if (made) {
    out((*made)->polled(), (*made)->syncs(), (*made)->probes(), (*made)->queries());
    std::lock_guard lock(mutex_);
    instances_[frame.instance] = *made;
  }
  link_.answer(frame, out.bytes);
}

void Server::control(const Frame& frame, std::string_view content) {
  auto at = instance(frame.instance);
  Reader in(content);
  Writer out;
  switch (static_cast<Kind>(frame.kind)) {
    case Kind::start:
      out = outcome(at->start(in.text()));
      break;
    case Kind::stop:
      at->stop();
      out = outcome<void>({});
      break;
    case Kind::destroy: {
      {
        std::lock_guard lock(mutex_);
        instances_.erase(frame.instance);
      }
      at.reset();
      out = outcome<void>({});
      break;
    }
    case Kind::reconfigure: {
      base::Value config;
      in(config);
      const auto taken = at->reconfigure(config);
      out = outcome(taken);
      if (taken) out(static_cast<std::uint8_t>(*taken));
      break;
    }
    case Kind::save: {
      const auto state = at->save();
      out = outcome(state);
      if (state) out.raw(state->data(), state->size());
      break;
    }
    case Kind::restore:
      out = outcome(at->load(in.text()));
      break;
    case Kind::unload_script:
      at->unload_script(std::string(in.text()));
      out = outcome<void>({});
      break;
    case Kind::release:
      at->release(reinterpret_cast<void*>(in.value<std::uint64_t>()));
      out = outcome<void>({});
      break;
    default:
      out = outcome<void>(fail(Fault::unsupported, "this runner does not know the call"));
  }
  link_.answer(frame, out.bytes);
}

void Server::pull(const Frame& frame, std::string_view content) {
  auto at = instance(frame.instance);
  const base::Duration left(Reader(content).value<std::int64_t>());
  const auto more = at->pull(port_.clock().now() + left);
  Writer out = outcome(more);
  if (more) out(static_cast<std::uint8_t>(*more));
  link_.answer(frame, out.bytes);
}

void Server::load_script(const Frame& frame, std::string_view content) {
  auto at = instance(frame.instance);
  Reader in(content);
  const std::string file(in.text());
  auto rules = at->load_script(file, in.text());
  Writer out = outcome(rules);
  if (rules) {
    std::vector<ScriptRule> all;
    for (auto& rule : *rules) all.push_back({std::move(rule.table), reinterpret_cast<std::uint64_t>(rule.script)});
    out(all);
  }
  link_.answer(frame, out.bytes);
}

void Server::compile(const Frame& frame, std::string_view content) {
  auto at = instance(frame.instance);
  RuleParts parts;
  Reader{content}(parts);
  model::Rule rule;
  rule.name = parts.name;
  rule.script_file = parts.file;
  rule.severity = parts.severity;
  rule.aggregate = parts.aggregate;
  rule.over = parts.over;
  rule.by = std::move(parts.by);
  rule.table = std::move(parts.table);
  InputAsker inputs(link_, frame);
  const auto program = at->compile(rule, reinterpret_cast<void*>(parts.script), inputs.abi);
  Writer out = outcome(program);
  if (program) out(reinterpret_cast<std::uint64_t>(*program));
  link_.answer(frame, out.bytes);
}

void Server::evaluate(const Frame& frame, std::string_view content) {
  thread_local Evaluation evaluation;
  auto at = instance(frame.instance);
  Result<void> done = fail(Fault::internal, "the rows cannot be read");
  InputAsker inputs(link_, frame);
  if (at && evaluation.read(content)) {
    evaluation.rows().inputs = &inputs.abi;
    done = at->evaluate(reinterpret_cast<void*>(evaluation.program()), evaluation.rows(), evaluation.verdicts());
  }
  Writer out = outcome(done);
  if (done) evaluation.write_verdicts(out);
  link_.answer(frame, out.bytes);
}

void Server::send(const Frame& frame, std::string_view content) {
  auto at = instance(frame.instance);
  DeliverParts parts;
  Reader{content}(parts);
  auto done = [this, frame](Instance::Sent sent) {
    Writer out;
    out(sent);
    link_.send(Kind::done, frame.instance, frame.id, {out.bytes});
  };
  const base::Time deadline = port_.clock().now() + parts.left;
  if (static_cast<Kind>(frame.kind) == Kind::deliver)
    at->deliver(parts.delivery, parts.provider_id, {parts.external_url, std::move(parts.actions)}, deadline,
                std::move(done));
  else
    at->upsert(parts.delivery, parts.external_url, deadline, std::move(done));
}

void Server::look(const Frame& frame, std::string_view content) {
  auto at = instance(frame.instance);
  Reader in(content);
  if (static_cast<Kind>(frame.kind) == Kind::sync) {
    base::Duration left{};
    in(left);
    return link_.answer(frame, outcome(at->sync(port_.clock().now() + left)).bytes);
  }
  if (static_cast<Kind>(frame.kind) == Kind::query) {
    QueryParts parts;
    in(parts);
    auto answer = at->query(parts.table, parts.most_rows, parts.at, port_.clock().now() + parts.left);
    Writer out = outcome(answer);
    if (answer) out(*answer);
    return link_.answer(frame, out.bytes);
  }
  ProbeParts parts;
  in(parts);
  const auto report =
      at->probe(parts.dry_run ? &parts.delivery : nullptr, parts.external_url, port_.clock().now() + parts.left);
  Writer out = outcome(report);
  if (report) out(*report);
  link_.answer(frame, out.bytes);
}

void Server::handle(const Frame& frame, std::string_view content) {
  auto at = instance(frame.instance);
  HandleParts parts;
  Reader{content}(parts);
  constexpr std::uint32_t padding = 64;
  const std::size_t body = parts.body.size();
  parts.body.append(padding, '\0');
  Instance::Request request{parts.method, parts.path, parts.query, parts.remote, parts.user, {}, {}, padding};
  for (const auto& [name, value] : parts.headers) request.headers.emplace_back(name, value);
  request.body = std::string_view(parts.body).substr(0, body);
  request.certificate = parts.certificate;
  at->handle(request, port_.clock().now() + parts.left, [this, frame](Instance::Response response) {
    Writer out;
    out(response);
    link_.send(Kind::done, frame.instance, frame.id, {out.bytes});
  });
}

}  // namespace tocsin::plugin_host::runner
