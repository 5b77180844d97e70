-- adapters/calls.lua: a telephone exchange with a token that lives for an hour.
local exchange = "https://pbx.corp"
local states = { answered = "delivered", busy = "no_answer", unanswered = "no_answer", error = "failed" }
local token, token_ends = nil, 0

local function authorization()
  if now() >= token_ends then
    local answer = http.request {
      url = exchange .. "/oauth/token",
      headers = { ["Content-Type"] = "application/x-www-form-urlencoded" },
      body = form.encode { grant_type = "client_credentials", client_id = "tocsin", client_secret = secret("client") },
    }
    if answer.status ~= 200 then error("no token: HTTP " .. answer.status) end
    local got = json.decode(answer.body)
    token, token_ends = got.access_token, now() + got.expires_in - 60
  end
  return "Bearer " .. token
end

local function call(method, path, body)
  local answer = http.request {
    method = method, url = exchange .. path, body = body and json.encode(body),
    headers = { Authorization = authorization(), ["Content-Type"] = "application/json" },
  }
  if answer.status == 404 then error { permanent = true, message = "no such number or call" } end
  if answer.status >= 300 then error("HTTP " .. answer.status) end
  return json.decode(answer.body)
end

function send(message)
  return call("POST", "/calls", { number = message.recipient, say = message.text, reference = message.key }).call
end

function status(id)
  local call = call("GET", "/calls/" .. url_encode(id))
  return states[call.outcome] or "pending", call.outcome
end

function callback(request)
  local said = json.decode(request.body)
  return { id = said.call, state = states[said.outcome], digits = said.pressed }
end
