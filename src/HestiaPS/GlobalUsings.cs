global using Hestia.Core.Keys;
global using Hestia.Core.Reading;
