using Hestia.Bench;
using Hestia.Bench.Reporting;
using Hestia.Bench.Repositories;
using Hestia.Bench.Workloads;

if (args is ["run", .. var options])
{
    var arguments = BenchArguments.Parse(options, out var problem);
    if (arguments is not null) return Coordinator.Run(arguments, options);
    Console.Error.WriteLine(problem);
}
else if (args is ["suite", .. var suiteOptions])
{
    return Suite.Run(suiteOptions);
}
else if (args is ["repository", .. var repositoryOptions])
{
    return RepositoryBench.Run(repositoryOptions);
}
else if (args is ["repository-step", .. var stepArguments])
{
    return RepositoryStep.Run(stepArguments);
}
else if (args is ["report", .. var reportOptions])
{
    return ReportCommand.Run(reportOptions);
}
else if (args is ["child", .. var childOptions])
{
    // One engine, one round, in a process of its own: no engine profits from what another left in memory. Speaks JSON lines.
    return WorkloadRunner.Run(BenchArguments.Parse(childOptions, out _)!);
}

Console.Error.WriteLine(BenchArguments.Usage);
Console.Error.WriteLine(RepositoryArguments.Usage);
return args is ["help" or "--help" or "-h"] or [] ? 0 : 2;
