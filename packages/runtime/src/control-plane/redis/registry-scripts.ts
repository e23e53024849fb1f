/**
 * The atomic steps of the registry as Lua, which Redis runs one at a time. All keys carry one hash tag, so that in a
 * Cluster they live in one slot and a script may touch all of them:
 *
 *     {prefix}:nodes       hash    node id → instance, a space, the record as JSON
 *     {prefix}:seen        sorted  node id → time of the last heartbeat, ms, by Redis' clock
 *     {prefix}:broadcasts  hash    path → owner, epoch, start, live (broadcast-text.ts)
 *     {prefix}:counters    hash    epoch, version, and until when nobody is taken for absent
 *
 * Only Redis' own clock is used. Values that somebody else has written there are read with patterns that cannot fail.
 * The rules are the same, line by line, as those of MemoryRegistry.
 */
const PRELUDE = `
local nodes, seen, broadcasts, counters = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local channel, expiry = ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function int(value) return string.format('%.0f', value) end
local function counter(name) return tonumber(redis.call('HGET', counters, name) or '') end
local function publish(change) redis.call('PUBLISH', channel, cjson.encode(change)) end
local function silence(id)
  local score = tonumber(redis.call('ZSCORE', seen, id) or '')
  if not score then return expiry end
  return math.abs(now - score)
end
local function owns(id, instance)
  local value = redis.call('HGET', nodes, id)
  return value and string.sub(value, 1, #instance + 1) == instance .. ' '
end
local function isQuiet() return now < (counter('quiet') or 0) end
local function nextVersion()
  local version = int((counter('version') or now) + 1)
  redis.call('HSET', counters, 'version', version)
  return version
end
local function broadcast(path)
  local value = redis.call('HGET', broadcasts, path)
  if not value then return nil end
  local owner, epoch, started, live = string.match(value, '^(%d+) (%d+) (%d+) ([01])$')
  return owner, epoch, started, live
end
local function store(path, owner, epoch, started, live)
  local record = owner .. ' ' .. epoch .. ' ' .. started .. ' ' .. live
  redis.call('HSET', broadcasts, path, record)
  publish({ kind = 'claimed', version = nextVersion(), path = path, record = record })
end
local function free(path)
  redis.call('HDEL', broadcasts, path)
  publish({ kind = 'released', version = nextVersion(), path = path })
end
local function dropOrphans()
  local all = redis.call('HGETALL', broadcasts)
  for i = 1, #all, 2 do
    local owner = string.match(all[i + 1], '^(%d+) ')
    if not owner or redis.call('HEXISTS', nodes, owner) == 0 then free(all[i]) end
  end
end
local function forget(id, silent)
  redis.call('ZREM', seen, id)
  redis.call('HDEL', nodes, id)
  publish({ kind = 'left', id = id, silent = silent })
end
`;

const BEAT = `
local id, instance, record, announce = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local known = redis.call('HEXISTS', nodes, id) == 1 and silence(id) < expiry
if known and not owns(id, instance) then return 'duplicate' end
-- When nobody was heard of for the expiry time, the registry was away: everybody gets that time to come back.
local newest = redis.call('ZREVRANGE', seen, 0, 0, 'WITHSCORES')[2]
if newest and math.abs(now - (tonumber(newest) or math.huge)) >= expiry then
  redis.call('HSET', counters, 'quiet', int(now + expiry))
  redis.call('ZREMRANGEBYSCORE', seen, '(' .. int(now + expiry), '+inf')
end
redis.call('HSET', nodes, id, instance .. ' ' .. record)
redis.call('ZADD', seen, int(now), id)
if not known or announce == '1' then publish({ kind = 'node', id = id, record = record }) end
if not isQuiet() then
  local gone = redis.call('ZRANGEBYSCORE', seen, '-inf', int(now - expiry), 'LIMIT', 0, 64)
  for _, other in ipairs(gone) do forget(other, true) end
  local strays = redis.call('HLEN', nodes) - redis.call('ZCARD', seen)
  if strays > 0 then
    for _, other in ipairs(redis.call('HKEYS', nodes)) do
      if not redis.call('ZSCORE', seen, other) then redis.call('HDEL', nodes, other) end
    end
  end
  if #gone > 0 or strays > 0 then dropOrphans() end
end
return known and 'kept' or 'joined'
`;

const LEAVE = `
local id, instance = ARGV[3], ARGV[4]
if owns(id, instance) then
  forget(id, false)
  dropOrphans()
end
return 'OK'
`;

const CLAIM = `
local path, id, instance, takeOver, live = ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local given, started, ownerSilence = tonumber(ARGV[8]), ARGV[9], tonumber(ARGV[10])
if not owns(id, instance) then return { 'unregistered' } end
local owner, epoch, since, wasLive = broadcast(path)
if owner == id then
  if wasLive ~= live then store(path, id, epoch, since, live) end
  return { 'claimed', epoch }
end
if owner then
  local silent = silence(owner)
  local held = { 'held', owner, int(silent) }
  local quiet = isQuiet()
  if given > 0 then
    if tonumber(epoch) > given then
      if quiet or silent < expiry then return held end
      given = 0
    end
  elseif wasLive == '1' and takeOver ~= '1' and (quiet or silent < ownerSilence) then
    return held
  end
end
if given == 0 then
  -- Rises with the time of day, too, so that a registry without its data does not give old epochs again.
  given = math.max((counter('epoch') or 0) + 1, now)
  redis.call('HSET', counters, 'epoch', int(given))
end
store(path, id, int(given), started, live)
return { 'claimed', int(given) }
`;

const SET_LIVE = `
local path, id, epoch, live = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local owner, current, since, wasLive = broadcast(path)
if owner == id and current == epoch and wasLive ~= live then store(path, id, epoch, since, live) end
return 'OK'
`;

const RELEASE = `
local path, id, epoch = ARGV[3], ARGV[4], ARGV[5]
local owner, current = broadcast(path)
if owner == id and current == epoch then free(path) end
return 'OK'
`;

/** Most values that one call of `HMGET` is given: a Lua function takes some thousands of arguments. */
const READ_BATCH = 1_000;

/**
 * What is too large is not sent to the reader at all, but named with an empty record. Little is done per node, because
 * every node asks every two seconds for all of them.
 */
const READ = `
local known, maxNodes, maxNodeBytes = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local maxBroadcasts, maxPathBytes, maxRecordBytes = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local version = redis.call('HGET', counters, 'version') or '0'
local ids = redis.call('ZREVRANGE', seen, 0, maxNodes - 1)
local scores = redis.call('ZREVRANGE', seen, 0, maxNodes - 1, 'WITHSCORES')
local values = {}
for from = 1, #ids, ${READ_BATCH} do
  local batch = redis.call('HMGET', nodes, unpack(ids, from, math.min(#ids, from + ${READ_BATCH - 1})))
  for i = 1, #batch do
    local value = batch[i]
    if not value or #value > maxNodeBytes then value = '' end
    values[#values + 1] = value
  end
end
local whole, broadcastList = 0, {}
if version == '0' or version ~= known then
  whole = 1
  local all
  if redis.call('HLEN', broadcasts) <= maxBroadcasts then
    all = redis.call('HGETALL', broadcasts)
  else
    all = redis.call('HSCAN', broadcasts, '0', 'COUNT', maxBroadcasts)[2]
  end
  for i = 1, #all, 2 do
    if #all[i] <= maxPathBytes then
      broadcastList[#broadcastList + 1] = all[i]
      broadcastList[#broadcastList + 1] = #all[i + 1] <= maxRecordBytes and all[i + 1] or ''
    end
  end
end
return { version, int(now), scores, values, whole, broadcastList }
`;

const KEYS = 4;

/** Named after the methods of `RegistryBackend`; ioredis sends them by hash and whole where they are not known. */
export const REGISTRY_SCRIPTS = {
  registryBeat: { lua: PRELUDE + BEAT, numberOfKeys: KEYS },
  registryLeave: { lua: PRELUDE + LEAVE, numberOfKeys: KEYS },
  registryClaim: { lua: PRELUDE + CLAIM, numberOfKeys: KEYS },
  registrySetLive: { lua: PRELUDE + SET_LIVE, numberOfKeys: KEYS },
  registryRelease: { lua: PRELUDE + RELEASE, numberOfKeys: KEYS },
  registryRead: { lua: PRELUDE + READ, numberOfKeys: KEYS },
} as const;

export type RegistryScript = keyof typeof REGISTRY_SCRIPTS;

export function registryKeys(prefix: string): readonly string[] {
  return ["nodes", "seen", "broadcasts", "counters"].map((name) => `{${prefix}}:${name}`);
}
