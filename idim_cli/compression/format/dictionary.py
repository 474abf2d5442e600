"""The preset dictionary of file format 1: strings of specs, the most frequent last, as zlib advises.

It belongs to the format: a change of one byte makes existing files unreadable. New words need a new format
version with its own dictionary.
"""

_WORDS = (
    '["resnet","vgg","squeezenet","embedding.","attention.","encoder.","decoder.","policy",true,"path":"',
    "module","model","network","features.","classifier.","trunk.","backbone.","head.",
    'torchvision:resnet18"layer4.1.layer3.1.layer2.1.layer1.0.downsample.1.',
    'conv1.weight","conv1.bias","norm.weight","norm.bias","fc.weight","fc.bias",',
    '"F16",[','"BF16",[',"[4],[8],[10],[16],[32],[64],[128],[256],[512],",
    'bn2.running_mean","F32",[64]],["bn2.running_var","F32",[64]],["bn2.num_batches_tracked","I64",[]],',
    '["bn1.running_mean","F32",[64]],["bn1.running_var","F32",[64]],["bn1.num_batches_tracked","I64",[]],',
    '[["toy",{"D":1000,"std":0.1}],["identity",{}],["layerwise",{"inner":"dense","orthogonal":true',
    '"steps":','"depth":1,"width":50,"depth":3,"width":100,"depth":4,"width":400,"depth":5,"dropout":0.5',
    '["hf",{"config":null,"train_split":"train","validation_split":null,"test_split":"test",',
    '"image":null,"label":"label"',
    '["toy",{"validation":null,"validation_seed":null,"shuffle_labels":0,"fraction":0.5,"shuffle_pixels":0}],',
    '["toy",{}],[1],1,null,[]]',
    '["cifar10",{"validation":10000,"validation_seed":0,"shuffle_labels":null,"fraction":0.1,',
    '["digits",{"validation":null,"validation_seed":null,"shuffle_labels":null,"fraction":1.0,',
    '"shuffle_pixels":null}],["classify",{"score":"validation"}],[1,8,8],10,null,[]]',
    '"normalise":true}],["classify",{"score":"train"}],[3,32,32],10,null,[["',
    '[["lenet",{"dropout":0.0}],["dense",{"orthogonal":false}],["sparse",{"density":null}],',
    '["fastfood",{"stacked":false}],["layerwise",{"inner":"tied"}],["fastfood",{"stacked":true}],',
    '["fashion_mnist",',
    '[["fc",{"depth":2,"width":200,"dropout":0.0}],["tied",{}],',
    '["mnist",{"validation":null,"validation_seed":null,"shuffle_labels":null,"fraction":1.0,',
    '"shuffle_pixels":null,"normalise":false}],["classify",{"score":"validation"}],[1,28,28],10,null,[]]',
)  # fmt: skip

DICTIONARY = "".join(_WORDS).encode()
