namespace Hestia.Backup;
