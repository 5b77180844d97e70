-- adapters/modem.lua: an SMS gateway that wants every request signed, and calls back with a form.
local gateway = "https://gateway.corp/api/v2"
local states = { DELIVERED = "delivered", UNDELIVERED = "failed", EXPIRED = "failed" }

local function call(method, path, body)
  local text, time = body and json.encode(body) or "", tostring(now())
  local answer = http.request {
    method = method, url = gateway .. path, body = text, timeout = 8,
    headers = {
      ["Content-Type"] = "application/json", ["X-Client"] = "tocsin", ["X-Time"] = time,
      ["X-Signature"] = hmac_sha256(secret("key"), method .. path .. time .. text),
    },
  }
  if answer.status == 429 then
    error { retry_after = tonumber(answer.headers["retry-after"]) or 10, message = "too many messages" }
  elseif answer.status == 400 or answer.status == 422 then
    error { permanent = true, message = "refused: " .. answer.body }
  elseif answer.status >= 300 then
    error("HTTP " .. answer.status) -- tried again
  end
  return json.decode(answer.body)
end

function send(message) -- the id that status and callbacks name it by
  return call("POST", "/messages", { to = message.recipient, text = message.text, reference = message.key }).id
end

function status(id) -- "delivered", "failed" or "pending", and the gateway's own word
  local word = call("GET", "/messages/" .. url_encode(id)).state
  return states[word] or "pending", word
end

function callback(request) -- receipts and replies come to one place
  local said = form.decode(request.body)
  if said.type == "inbound" then return { from = said.sender, text = said.body, id = said.id } end
  return { id = said.id, state = states[said.state] or "pending", detail = said.state }
end
