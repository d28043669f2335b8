global using Hestia.Core.Keys;
global using Hestia.Core.Reading;
global using Hestia.Core.Consistency;
global using Hestia.Core.Repair;
