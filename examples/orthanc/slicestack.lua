-- Has every stable CT series of this Orthanc predicted by a Slicestack server, which stores the results here.
--
-- In orthanc.json:
--   "LuaScripts": ["/etc/orthanc/slicestack.lua"],
--   "StableAge": 60,
--   "Slicestack": {"Url": "http://127.0.0.1:8080", "Token": "", "Pacs": "orthanc", "Query": "sendTo=orthanc"}
--
-- Pacs is the name of this Orthanc in the server's file of archives. Query may name a model, too: "model=lung&sendTo=orthanc".

local MOST_ATTEMPTS = 20
local settings = GetOrthancConfiguration()['Slicestack'] or {}
local waiting = {} -- series that the server did not accept, with the number of attempts; begun again with the next series

local function ask(series)
  local study = ParseJson(RestApiGet('/series/' .. series .. '/study'))['MainDicomTags']['StudyInstanceUID']
  local facts = ParseJson(RestApiGet('/series/' .. series))
  local uid = facts['MainDicomTags']['SeriesInstanceUID']
  local headers = {
    ['Content-Type'] = 'application/json',
    -- A series that becomes stable again without new objects is not predicted twice.
    ['Idempotency-Key'] = 'orthanc-' .. uid .. '-' .. #facts['Instances'],
  }
  if (settings['Token'] or '') ~= '' then
    headers['Authorization'] = 'Bearer ' .. settings['Token']
  end
  local url = (settings['Url'] or 'http://127.0.0.1:8080') .. '/v1/predictions?' .. (settings['Query'] or '')
  local body = {pacs = settings['Pacs'] or 'orthanc', study = study, series = uid}
  local answer = HttpPost(url, DumpJson(body, true), headers)
  return answer ~= nil and answer ~= false and answer ~= ''
end

function OnStableSeries(series, tags, metadata)
  -- Reports and heat-maps of Slicestack become stable here, too.
  if tags['Modality'] ~= 'CT' or tags['Manufacturer'] == 'Slicestack' then
    return
  end
  waiting[series] = 0
  for one, attempts in pairs(waiting) do
    local ok, accepted = pcall(ask, one)
    if ok and accepted then
      waiting[one] = nil
    elseif attempts + 1 >= MOST_ATTEMPTS then
      waiting[one] = nil
      print('Slicestack did not accept series ' .. one .. ', which is given up')
    else
      waiting[one] = attempts + 1
      print('Slicestack did not accept series ' .. one .. ', which is tried again with the next series')
    end
  end
end
